import HTTPMessages
import ServiceKit
import SharedKernel

/// Stripe as a payment provider: one payment intent for each payment, authorised at once, captured and
/// refunded by later calls.
///
/// Stripe takes one capture of an authorisation and lets go of the rest: docs/decisions/stripe.md.
struct StripeGatewayClient: PaymentGateway, ProviderRecords, NoticeReader {
  private static let pageSize = 100
  /// One page of records.
  private static let pageWithin: Duration = .seconds(10)
  /// All pages together: somebody waits for the report.
  static let recordsWithin: Duration = .seconds(60)

  let provider = "stripe"
  let stripe: StripeClient
  let secrets: [[UInt8]]
  var now: @Sendable () -> ContinuousClock.Instant = { .now }

  // MARK: Operations

  func authorize(
    _ request: AuthorizeRequest, within limit: Duration
  ) async throws -> ProviderAnswer {
    let method =
      request.token.hasPrefix("tok_")
      ? [
        ("payment_method_data[type]", "card"), ("payment_method_data[card][token]", request.token),
      ]
      : [("payment_method", request.token)]
    return try await answering {
      try await stripe.post(
        "/v1/payment_intents",
        [
          ("amount", "\(request.amount.minorUnits)"),
          ("currency", request.amount.currency.code.lowercased()),
          ("capture_method", "manual"), ("confirm", "true"), ("payment_method_types[]", "card"),
          ("metadata[operation]", request.operation.description),
        ] + method, key: request.operation, within: limit, as: StripeIntent.self
      ).answer
    }
  }

  func capture(
    _ request: FollowUpRequest, within limit: Duration
  ) async throws -> ProviderAnswer {
    do {
      let intent: StripeIntent = try await stripe.post(
        "/v1/payment_intents/\(request.reference)/capture",
        [("amount_to_capture", "\(request.amount.minorUnits)")], key: request.operation,
        within: limit)
      return .succeeded(reference: intent.id)
    } catch let refusal as StripeClient.Refusal {
      return .declined(code: refusal.code, reference: request.reference)
    }
  }

  func void(_ request: FollowUpRequest, within limit: Duration) async throws -> ProviderAnswer {
    do {
      let intent: StripeIntent = try await stripe.post(
        "/v1/payment_intents/\(request.reference)/cancel", [], key: request.operation,
        within: limit)
      return .succeeded(reference: intent.id)
    } catch let refusal as StripeClient.Refusal {
      let intent = try await intent(request.reference, within: limit)
      return try holdsNothing(intent, booked: request.captured)
        ? .succeeded(reference: intent.id)
        : .declined(code: refusal.code, reference: request.reference)
    }
  }

  func refund(_ request: FollowUpRequest, within limit: Duration) async throws -> ProviderAnswer {
    try await answering {
      try await stripe.post(
        "/v1/refunds",
        [
          ("payment_intent", request.reference), ("amount", "\(request.amount.minorUnits)"),
          ("metadata[operation]", request.operation.description),
        ], key: request.operation, within: limit, as: StripeRefund.self
      ).answer
    }
  }

  func lookup(_ request: LookupRequest, within limit: Duration) async throws -> ProviderAnswer? {
    do {
      switch request.kind {
      case .authorize: return try await authorization(request, within: limit)
      case .capture, .void:
        guard let authorization = request.authorization else { return nil }
        let intent = try await intent(authorization, within: limit)
        let isDone =
          request.kind == .void
          ? try holdsNothing(intent, booked: request.captured) : intent.status == "succeeded"
        return isDone ? .succeeded(reference: intent.id) : nil
      case .refund: return try await refund(request, within: limit)
      }
    } catch let refusal as StripeClient.Refusal {
      guard refusal.status == 404 else {
        throw GatewayError.unavailable("Stripe refused to be asked: \(refusal.code)")
      }
      return nil
    }
  }

  private func authorization(
    _ request: LookupRequest, within limit: Duration
  ) async throws -> ProviderAnswer? {
    if let reference = request.reference {
      return try await intent(reference, within: limit).answer
    }
    let query = PercentEncoding.encode(
      queryValue: "metadata['operation']:'\(request.operation)'")
    let found: StripeList<StripeIntent> = try await stripe.get(
      "/v1/payment_intents/search?query=\(query)", within: limit)
    return found.data.first?.answer
  }

  private func refund(
    _ request: LookupRequest, within limit: Duration
  ) async throws -> ProviderAnswer? {
    if let reference = request.reference {
      return try await stripe.get(
        "/v1/refunds/\(reference)", within: limit, as: StripeRefund.self
      ).answer
    }
    guard let authorization = request.authorization else { return nil }
    let found: StripeList<StripeRefund> = try await stripe.get(
      "/v1/refunds?payment_intent=\(authorization)&limit=\(Self.pageSize)", within: limit)
    return found.data.first { $0.operation == request.operation }?.answer
  }

  /// Whether nothing is held any more: it is cancelled, or was captured, and the rest let go of.
  ///
  /// - Parameter captured: what we have booked as captured, in minor units.
  /// - Throws: `GatewayError` if another amount was captured. Then money was taken that the ledger does
  ///   not know of, and a void that "succeeds" would hide it: a person has to look.
  private func holdsNothing(_ intent: StripeIntent, booked captured: Int64) throws -> Bool {
    switch intent.status {
    case "canceled": return true
    case "succeeded":
      guard intent.captured == captured else {
        throw GatewayError.unavailable(
          "Stripe has captured \(intent.captured) of \(intent.id), and \(captured) is booked")
      }
      return true
    default: return false
    }
  }

  private func intent(_ id: String, within limit: Duration) async throws -> StripeIntent {
    try await stripe.get("/v1/payment_intents/\(id)", within: limit)
  }

  /// What was refused for certain is declined.
  private func answering(
    _ ask: () async throws -> ProviderAnswer
  ) async throws -> ProviderAnswer {
    do {
      return try await ask()
    } catch let refusal as StripeClient.Refusal {
      return .declined(code: refusal.code, reference: refusal.intent?.id)
    }
  }

  // MARK: Records

  /// - Throws: `GatewayError.timedOut` when not all pages came in time: a part of them would make
  ///   differences that are none.
  func charges(from: Timestamp, to: Timestamp, limit: Int) async throws -> [ProviderCharge] {
    var charges: [ProviderCharge] = []
    var after = ""
    let deadline = now() + Self.recordsWithin
    while charges.count < limit {
      let left = now().duration(to: deadline)
      guard left > .zero else { throw GatewayError.timedOut }
      let page: StripeList<StripeIntent> = try await stripe.get(
        "/v1/payment_intents?limit=\(Self.pageSize)&created%5Bgte%5D=\(from.seconds)"
          + "&created%5Blt%5D=\(to.seconds)&expand%5B%5D=data.latest_charge\(after)",
        within: min(Self.pageWithin, left))
      // What was declined holds nothing, and our ledger has not booked it either.
      charges += page.data.filter { $0.status != "requires_payment_method" }.map(\.charge)
      guard page.hasMore == true, let last = page.data.last else { break }
      after = "&starting_after=\(last.id)"
    }
    return charges
  }

  // MARK: Notices

  var signatureField: HTTPFieldName { "Stripe-Signature" }

  func notice(in body: [UInt8]) throws -> ProviderNotice {
    struct Event<Object: Decodable>: Decodable {
      struct Data: Decodable {
        let object: Object
      }
      let data: Data
    }
    struct Head: Decodable {
      let id: String
      let type: String
    }
    do {
      let head = try JSONDecoding.decode(Head.self, from: body, allowingUnknown: true)
      var news: ProviderNotice.News?
      switch head.type {
      case "payment_intent.amount_capturable_updated", "payment_intent.payment_failed",
        "payment_intent.canceled", "payment_intent.requires_action":
        let intent = try JSONDecoding.decode(
          Event<StripeIntent>.self, from: body, allowingUnknown: true
        ).data.object
        news = intent.operation.map {
          ProviderNotice.News(operation: $0, answer: intent.answer, amount: intent.amount)
        }
      case "refund.updated", "refund.failed", "charge.refund.updated":
        let refund = try JSONDecoding.decode(
          Event<StripeRefund>.self, from: body, allowingUnknown: true
        ).data.object
        news = refund.operation.map {
          ProviderNotice.News(operation: $0, answer: refund.answer, amount: refund.amount)
        }
      default: break
      }
      return ProviderNotice(
        provider: provider, eventID: head.id, news: news,
        payload: String(decoding: body, as: UTF8.self))
    } catch {
      throw ValidationFailure("", "invalid", "is no event of Stripe")
    }
  }
}
