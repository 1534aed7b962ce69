import ServiceKit
import SharedKernel

/// A payment as it is answered.
struct PaymentBody: Encodable, Sendable {
  struct NextAction: Encodable, Sendable {
    let type: String
    let url: String
    /// What lets a guest act on the payment; it is made again each time, never stored.
    let accessToken: String?
  }

  let id: PaymentID
  let orderId: OrderID
  let userId: UserID?
  let state: PaymentState
  let amount: Int64
  let currency: Currency
  let authorized: Int64
  let captured: Int64
  let refunded: Int64
  let captureMode: CaptureMode
  let version: Int
  let declineCode: String?
  let nextAction: NextAction?
  let expiresAt: Timestamp
  let createdAt: Timestamp
}

/// Who may see a payment: its user, staff, and for a guest's payment whoever has its access token.
struct PaymentAccess: Sendable {
  private static let kind = "payment"
  let secrets: ServiceSecrets

  func allows(_ caller: Caller, token: String?, _ payment: Payment) -> Bool {
    if caller.isStaff { return true }
    if let owner = payment.userID { return caller.userID == owner }
    return token.map {
      secrets.isValid($0, kind: Self.kind, id: payment.id.description)
    } ?? false
  }

  func body(of payment: Payment) -> PaymentBody {
    let id = payment.id.description
    return PaymentBody(
      id: payment.id, orderId: payment.orderID, userId: payment.userID, state: payment.state,
      amount: payment.amount.minorUnits, currency: payment.amount.currency,
      authorized: payment.figures.authorized, captured: payment.figures.captured,
      refunded: payment.figures.refunded, captureMode: payment.captureMode,
      version: payment.version, declineCode: payment.declineCode,
      nextAction: payment.state == .requiresAction
        ? PaymentBody.NextAction(
          type: payment.challengeURL == nil ? "challenge" : "redirect",
          url: payment.challengeURL ?? "/payments/\(id)/confirm",
          accessToken: payment.userID == nil
            ? secrets.accessToken(kind: Self.kind, id: id) : nil)
        : nil,
      expiresAt: payment.expiresAt, createdAt: payment.createdAt)
  }
}

/// An operation as it is answered; never with its token.
struct OperationBody: Encodable, Sendable {
  let id: OperationID
  let kind: PaymentOperation.Kind
  let amount: Int64
  let state: PaymentOperation.State
  let declineCode: String?
  let providerReference: String?
  let attempts: Int
  /// Why staff began it.
  let reason: String?
  let createdAt: Timestamp

  init(_ operation: PaymentOperation) {
    id = operation.id
    kind = operation.kind
    amount = operation.amount
    state = operation.state
    declineCode = operation.declineCode
    providerReference = operation.providerReference
    attempts = operation.attempts
    reason = operation.reason
    createdAt = operation.createdAt
  }
}
