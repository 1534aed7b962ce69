import SharedKernel

/// What this service reads of a payment intent.
struct StripeIntent: Decodable, Sendable {
  struct NextAction: Decodable, Sendable {
    struct Redirect: Decodable, Sendable {
      let url: String?
    }
    let redirect: Redirect?

    private enum CodingKeys: String, CodingKey {
      case redirect = "redirect_to_url"
    }
  }

  struct PaymentError: Decodable, Sendable {
    let code: String?
    let declineCode: String?

    private enum CodingKeys: String, CodingKey {
      case code
      case declineCode = "decline_code"
    }
  }

  /// The charge itself where it was asked for, else its id.
  enum Charge: Decodable, Sendable {
    case id
    case whole(refunded: Int64)

    private enum CodingKeys: String, CodingKey {
      case refunded = "amount_refunded"
    }

    init(from decoder: any Decoder) throws {
      guard let object = try? decoder.container(keyedBy: CodingKeys.self) else {
        self = .id
        return
      }
      self = .whole(refunded: try object.decodeIfPresent(Int64.self, forKey: .refunded) ?? 0)
    }
  }

  let id: String
  let status: String
  let amount: Int64
  let currency: String
  /// Seconds since 1970.
  let created: Int64
  let capturable: Int64?
  let received: Int64?
  let metadata: [String: String]?
  let nextAction: NextAction?
  let lastError: PaymentError?
  let latestCharge: Charge?

  private enum CodingKeys: String, CodingKey {
    case id, status, amount, currency, created, metadata
    case capturable = "amount_capturable"
    case received = "amount_received"
    case nextAction = "next_action"
    case lastError = "last_payment_error"
    case latestCharge = "latest_charge"
  }

  /// Our operation that made it.
  var operation: OperationID? { metadata?["operation"].flatMap { OperationID($0) } }

  /// What it says about its authorisation.
  var answer: ProviderAnswer {
    switch status {
    case "requires_capture", "succeeded": .succeeded(reference: id)
    case "requires_action": .requiresAction(reference: id, url: nextAction?.redirect?.url)
    case "requires_payment_method":
      .declined(
        code: lastError?.declineCode ?? lastError?.code ?? "declined",
        reference: id)
    case "canceled": .declined(code: "canceled", reference: id)
    default: .pending(reference: id)
    }
  }

  /// What was taken of it.
  var captured: Int64 { received ?? (status == "succeeded" ? amount : 0) }

  var charge: ProviderCharge {
    let refunded: Int64 = if case .whole(let refunded)? = latestCharge { refunded } else { 0 }
    return ProviderCharge(
      authorization: operation, reference: id, currency: currency.uppercased(),
      figures: ReconciledFigures(
        held: status == "requires_capture" ? capturable ?? amount : 0,
        captured: captured, refunded: refunded),
      createdAt: Timestamp(microseconds: created * 1_000_000))
  }
}

struct StripeRefund: Decodable, Sendable {
  let id: String
  let status: String?
  let amount: Int64
  let failureReason: String?
  let metadata: [String: String]?

  private enum CodingKeys: String, CodingKey {
    case id, status, amount, metadata
    case failureReason = "failure_reason"
  }

  var operation: OperationID? { metadata?["operation"].flatMap { OperationID($0) } }

  var answer: ProviderAnswer {
    switch status {
    case "succeeded": .succeeded(reference: id)
    case "failed", "canceled": .declined(code: failureReason ?? "refund_failed", reference: id)
    default: .pending(reference: id)
    }
  }
}

struct StripeList<Element: Decodable & Sendable>: Decodable, Sendable {
  let data: [Element]
  let hasMore: Bool?

  private enum CodingKeys: String, CodingKey {
    case data
    case hasMore = "has_more"
  }
}
