import SharedKernel

/// Marks ids of orders, which live in another service.
enum OrderSubject {}
typealias OrderID = ID<OrderSubject>

/// Units of one variant.
struct ReservationLine: Hashable, Sendable, Codable {
  let variantId: Int
  let quantity: Int
}

extension [ReservationLine] {
  private static var linesMax: Int { 100 }
  private static var quantityMax: Int { 999 }

  /// Notes as faults: no lines or too many, variants that are repeated, quantities out of range.
  func validate(_ validation: inout Validation) {
    validation.require(
      (1...Self.linesMax).contains(count), "/lines", "out_of_range", "must be 1 to \(Self.linesMax)"
    )
    validation.require(
      Set(map(\.variantId)).count == count, "/lines", "repeated", "must be of distinct variants")
    for (index, line) in enumerated() {
      validation.require(
        (1...Self.quantityMax).contains(line.quantity), "/lines/\(index)/quantity", "out_of_range",
        "must be 1 to \(Self.quantityMax)")
    }
  }
}

/// What an order wants kept for it, checked.
struct HoldRequest: Sendable {
  static let holdMax: Duration = .seconds(30 * 60)

  /// By ascending variant: the order in which stock rows are locked.
  let lines: [ReservationLine]
  let expiresAt: Timestamp

  /// - Throws: `ValidationFailure`.
  init(lines: [ReservationLine], expiresAt: Timestamp, now: Timestamp) throws(ValidationFailure) {
    self.lines = lines.sorted { $0.variantId < $1.variantId }
    self.expiresAt = expiresAt
    var validation = Validation()
    lines.validate(&validation)
    validation.require(
      expiresAt > now && expiresAt <= now + Self.holdMax, "/expiresAt", "out_of_range",
      "must lie within the next 30 minutes")
    try validation.finish()
  }
}

/// Stock kept for one order.
struct Reservation: Sendable {
  enum State: String, Codable, Sendable, CaseIterable {
    /// Kept until `expiresAt`.
    case held
    /// Kept until it is shipped or released.
    case committed
    /// All of it has been shipped.
    case fulfilled
    /// Given back, for good.
    case released
    /// Given back because its time ran out; may be held anew.
    case expired
    /// Never held: there was not enough. Its answer for good.
    case refused
  }

  let orderID: OrderID
  var state: State
  var expiresAt: Timestamp
  let lines: [ReservationLine]
  /// Units that have been shipped, by variant.
  var fulfilled: [Int: Int]
  var version: Int

  /// Units of this variant that are still to be shipped.
  func remaining(_ variant: Int) -> Int {
    let ordered = lines.first { $0.variantId == variant }?.quantity ?? 0
    return ordered - fulfilled[variant, default: 0]
  }
}

extension Reservation {
  /// As it has just been inserted.
  init(new id: OrderID, _ request: HoldRequest) {
    self.init(
      orderID: id, state: .held, expiresAt: request.expiresAt, lines: request.lines,
      fulfilled: [:], version: 1)
  }
}

/// What a command means for a reservation in its present state. Pure: what it costs in stock is the
/// store's to find out.
enum ReservationStep: Hashable, Sendable {
  /// Nothing to do: it is as asked.
  case keep
  /// Keep the stock, later at most.
  case extend
  /// Take the stock, if there is enough; refuse for good if there is not and it is the first time.
  case take(then: Reservation.State, refusalIsFinal: Bool)
  /// Same stock, other state.
  case become(Reservation.State)
  /// Give the stock back, if there is some to give.
  case giveBack(hasStock: Bool)
}

extension Reservation {
  /// `PUT`: hold these lines.
  ///
  /// - Throws: `ReservationError` for other lines, and once it is closed.
  func step(toHold request: HoldRequest) throws(ReservationError) -> ReservationStep {
    guard request.lines == lines || state == .released else { throw .otherLines }
    switch state {
    case .held: return .extend
    case .committed, .fulfilled: return .keep
    case .expired: return .take(then: .held, refusalIsFinal: false)
    case .released: throw .closed(.released)
    case .refused: throw .insufficientStock([])
    }
  }

  /// `commit`: keep the stock beyond `expiresAt`.
  func stepToCommit() throws(ReservationError) -> ReservationStep {
    switch state {
    case .held: .become(.committed)
    case .committed, .fulfilled: .keep
    case .expired: .take(then: .committed, refusalIsFinal: false)
    case .released, .refused: throw .closed(state)
    }
  }

  /// `PUT` of a fulfilment: these units leave the house.
  ///
  /// - Returns: the reservation with them shipped.
  /// - Throws: `ReservationError` `.overShipped`; `.closed` unless it is committed.
  func fulfilling(_ shipped: [ReservationLine]) throws(ReservationError) -> Reservation {
    guard state == .committed || state == .fulfilled else { throw .closed(state) }
    var next = self
    for line in shipped {
      let remaining = remaining(line.variantId)
      guard line.quantity <= remaining else {
        throw .overShipped(variantID: line.variantId, remaining: remaining)
      }
      next.fulfilled[line.variantId, default: 0] += line.quantity
    }
    if next.lines.allSatisfy({ next.remaining($0.variantId) == 0 }) { next.state = .fulfilled }
    return next
  }

  /// `release`: give the stock back, for good.
  func stepToRelease() throws(ReservationError) -> ReservationStep {
    guard fulfilled.values.allSatisfy({ $0 == 0 }), state != .fulfilled else {
      throw .closed(.fulfilled)
    }
    return switch state {
    case .held, .committed: .giveBack(hasStock: true)
    case .expired: .giveBack(hasStock: false)
    case .released, .refused, .fulfilled: .keep
    }
  }
}

/// A line that cannot be held.
struct Shortage: Hashable, Sendable {
  let variantID: Int
  let wanted: Int
  let available: Int
}

enum ReservationError: Failure, Hashable {
  case insufficientStock([Shortage])
  case closed(Reservation.State)
  /// The same order, but other lines than before.
  case otherLines
  case unknownVariants([Int])
  /// More than is left to ship.
  case overShipped(variantID: Int, remaining: Int)
  /// The same fulfilment or restock, but other units than before.
  case otherUnits

  var kind: FailureKind {
    switch self {
    case .insufficientStock: .insufficientStock
    case .closed: .reservationClosed
    case .otherLines, .unknownVariants, .otherUnits: .validationFailed
    case .overShipped: .overShipped
    }
  }

  var detail: String {
    switch self {
    case .insufficientStock: "There is not enough stock."
    case .closed(let state): "The reservation is \(state.rawValue)."
    case .otherLines: "The reservation of this order has other lines."
    case .unknownVariants(let ids): "There are no variants \(ids)."
    case .overShipped(let variant, let remaining):
      "Of variant \(variant) only \(remaining) units are left to ship."
    case .otherUnits: "This id was used before for other units."
    }
  }

  var members: [String: FailureValue] {
    switch self {
    case .closed(let state): ["state": .text(state.rawValue)]
    case .overShipped(_, let remaining): ["remaining": .number(Int64(remaining))]
    case .insufficientStock, .otherLines, .unknownVariants, .otherUnits: [:]
    }
  }

  var faults: [Fault] {
    switch self {
    case .insufficientStock(let shortages):
      shortages.map {
        Fault(
          "/lines", "insufficient_stock",
          members: [
            "variantId": .number(Int64($0.variantID)), "available": .number(Int64($0.available)),
          ])
      }
    case .otherLines, .otherUnits: [Fault("/lines", "differs")]
    case .unknownVariants: [Fault("/lines", "unknown")]
    case .closed, .overShipped: []
    }
  }
}
