import SharedKernel

/// Something that happened to a payment, to be told to the other services.
struct PaymentEvent: Hashable, Sendable {
  enum Kind: String, Sendable {
    case requiresAction = "payment.requires_action"
    case authorized = "payment.authorized"
    case declined = "payment.declined"
    case captured = "payment.captured"
    case voided = "payment.voided"
    case expired = "payment.expired"
    case refundPending = "refund.pending"
    case refundSucceeded = "refund.succeeded"
    case refundFailed = "refund.failed"
  }

  let kind: Kind
  /// The payment's version after this change.
  let version: Int
  /// The capture or refund that it is about.
  let operation: PaymentOperation?

  init(_ kind: Kind, version: Int, operation: PaymentOperation?) {
    self.kind = kind
    self.version = version
    self.operation = operation
  }
}

/// What an event carries: the payment's absolute figures, so that who reads it sets and never adds.
struct PaymentEventData: Codable, Hashable, Sendable {
  let paymentId: PaymentID
  let orderId: OrderID
  let userId: UserID?
  let state: PaymentState
  let amount: Int64
  let currency: Currency
  let authorized: Int64
  let captured: Int64
  let refunded: Int64
  let version: Int
  let declineCode: String?
  /// The capture or refund, its amount and why it failed.
  let operationId: OperationID?
  let operationAmount: Int64?

  init(_ event: PaymentEvent, of payment: Payment) {
    paymentId = payment.id
    orderId = payment.orderID
    userId = payment.userID
    state = payment.state
    amount = payment.amount.minorUnits
    currency = payment.amount.currency
    authorized = payment.figures.authorized
    captured = payment.figures.captured
    refunded = payment.figures.refunded
    version = event.version
    declineCode = event.operation?.declineCode ?? payment.declineCode
    operationId = event.operation?.id
    operationAmount = event.operation?.amount
  }
}
