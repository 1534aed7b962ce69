import SharedKernel

/// What a provider has of one authorisation, in minor units.
struct ProviderCharge: Hashable, Sendable {
  /// The id of our operation that asked for it; nil where the provider knows none.
  let authorization: OperationID?
  let reference: String
  let currency: String
  let figures: ReconciledFigures
  let createdAt: Timestamp
}

/// The provider's own records.
protocol ProviderRecords: Sendable {
  var provider: String { get }
  /// Authorisations that were made from a time on and before another, at most `limit`.
  func charges(from: Timestamp, to: Timestamp, limit: Int) async throws -> [ProviderCharge]
}

/// What the ledger has booked for one payment, in minor units.
struct LedgerBooking: Hashable, Sendable {
  let payment: PaymentID
  let authorization: OperationID
  let currency: String
  let figures: ReconciledFigures
  /// Whether an operation has no outcome yet: then the two may differ.
  let isOpen: Bool
  let createdAt: Timestamp
}

struct ReconciledFigures: Codable, Hashable, Sendable {
  /// Held and not captured.
  let held: Int64
  let captured: Int64
  let refunded: Int64

  var isNothing: Bool { held == 0 && captured == 0 && refunded == 0 }
}

/// The provider's records of one day beside the ledger's.
struct Reconciliation: Encodable, Sendable {
  enum Kind: String, Encodable, Sendable {
    /// The ledger has it, the provider has not.
    case missingAtProvider = "missing_at_provider"
    /// The provider has it, and no payment is known for it.
    case unknownHere = "unknown_here"
    case amountsDiffer = "amounts_differ"
  }

  struct Difference: Encodable, Hashable, Sendable {
    let kind: Kind
    let paymentId: PaymentID?
    let reference: String?
    let currency: String
    let ledger: ReconciledFigures?
    let provider: ReconciledFigures?
  }

  /// Differences that a report shows.
  static let differencesMax = 1000
  /// Records of either side that one report reads.
  static let recordsMax = 100_000
  /// Both sides are read for a little more than the day: their clocks and their moments differ.
  static let margin: Duration = .seconds(3600)

  let date: String
  let provider: String
  /// Payments of that day that were compared.
  let compared: Int
  /// Left out: an operation of theirs has no outcome yet.
  let open: Int
  /// Whether all records were read.
  let isComplete: Bool
  let differenceCount: Int
  /// The first of them.
  let differences: [Difference]

  init(
    date: String, provider: String, day: Range<Timestamp>, ledger: [LedgerBooking],
    charges: [ProviderCharge]
  ) {
    let chargeOf = Dictionary(
      charges.compactMap { charge in charge.authorization.map { ($0, charge) } },
      uniquingKeysWith: { first, _ in first })
    let known = Set(ledger.map(\.authorization))
    let ofDay = ledger.filter { day.contains($0.createdAt) }
    let closed = ofDay.filter { !$0.isOpen }
    let ours = closed.compactMap { Self.difference(of: $0, chargeOf[$0.authorization]) }
    let theirs = charges.filter { charge in
      day.contains(charge.createdAt) && !(charge.authorization.map(known.contains) ?? false)
    }.map {
      Difference(
        kind: .unknownHere, paymentId: nil, reference: $0.reference, currency: $0.currency,
        ledger: nil, provider: $0.figures)
    }
    self.date = date
    self.provider = provider
    compared = closed.count
    open = ofDay.count - closed.count
    isComplete = max(ledger.count, charges.count) < Self.recordsMax
    differenceCount = ours.count + theirs.count
    differences = Array((ours + theirs).prefix(Self.differencesMax))
  }

  private static func difference(
    of booking: LedgerBooking, _ charge: ProviderCharge?
  ) -> Difference? {
    guard let charge else {
      // Declined or never held: a provider need not keep that.
      return booking.figures.isNothing
        ? nil
        : Difference(
          kind: .missingAtProvider, paymentId: booking.payment, reference: nil,
          currency: booking.currency, ledger: booking.figures, provider: nil)
    }
    if charge.figures == booking.figures, charge.currency == booking.currency { return nil }
    return Difference(
      kind: .amountsDiffer, paymentId: booking.payment, reference: charge.reference,
      currency: booking.currency, ledger: booking.figures, provider: charge.figures)
  }
}

/// Compares what the provider has of a day with the ledger.
struct ReconciliationService: Sendable {
  let records: any ProviderRecords
  let ledger:
    @Sendable (_ from: Timestamp, _ to: Timestamp, _ limit: Int) async throws
      -> [LedgerBooking]

  /// - Parameter date: `2026-11-28`, a day of UTC.
  /// - Throws: `ValidationFailure` for what is no day; `GatewayError` when the provider is silent.
  func report(on date: String) async throws -> Reconciliation {
    guard date.utf8.count == 10, let start = Timestamp("\(date)T00:00:00Z") else {
      throw ValidationFailure("/date", "invalid", "must be a day such as 2026-11-28")
    }
    let day = start..<(start + .seconds(86_400))
    let from = day.lowerBound + (.zero - Reconciliation.margin)
    let to = day.upperBound + Reconciliation.margin
    let charges = try await records.charges(from: from, to: to, limit: Reconciliation.recordsMax)
    return Reconciliation(
      date: date, provider: records.provider, day: day,
      ledger: try await ledger(from, to, Reconciliation.recordsMax), charges: charges)
  }
}
