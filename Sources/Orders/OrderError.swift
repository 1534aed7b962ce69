import SharedKernel

/// What the shop says no to.
enum OrderError: Error, Hashable {
  /// The client expected another total than today's prices give.
  case priceChanged(expected: Money, actual: Money)
  case insufficientStock(OrderID, [MissingItem])
  case declined(OrderID, code: String?)
  case invalidTransition(from: OrderState, to: OrderState)
  /// The key has already named another request.
  case keyReused
  /// The first request with the key is just making its order.
  case keyInProgress
  case sagaFinished
  /// Another command is at work on this order.
  case operationInProgress
  case cardDataForbidden(pointer: String)
  /// More than is left to ship of some line.
  case overShipped(remaining: Int)
  /// Nothing is left of the payment that goods could be shipped for.
  case paymentGone(PaymentStatus)
  case refundExceedsCaptured(refundable: Int64)
  case shipmentTransition(from: Shipment.Status, to: Shipment.Status)
}

/// Which of an order's items is short.
struct MissingItem: Hashable, Sendable {
  /// Its place in the request.
  let index: Int
  let shortage: Shortage
}

extension OrderError: Failure {
  var kind: FailureKind {
    switch self {
    case .priceChanged: .priceChanged
    case .insufficientStock: .insufficientStock
    case .declined: .paymentDeclined
    case .invalidTransition, .sagaFinished: .invalidStateTransition
    case .keyReused: .idempotencyKeyReused
    case .keyInProgress: .idempotencyInProgress
    case .operationInProgress: .operationInProgress
    case .cardDataForbidden: .cardDataForbidden
    case .overShipped: .overShipped
    case .paymentGone: .paymentClosed
    case .refundExceedsCaptured: .refundExceedsCaptured
    case .shipmentTransition: .invalidStateTransition
    }
  }

  var detail: String {
    switch self {
    case .priceChanged(let expected, let actual):
      "You expected to pay \(expected), but at today's prices it is \(actual)."
    case .insufficientStock:
      "There is not enough stock for this order."
    case .declined(_, let code):
      "The payment was declined\(code.map { " (\($0))" } ?? "")."
    case .invalidTransition(let from, let to):
      "An order that is \(from.rawValue) cannot become \(to.rawValue)."
    case .keyReused:
      "This idempotency key belongs to another request."
    case .keyInProgress:
      "The first request with this key still runs."
    case .sagaFinished:
      "This saga has finished: there is nothing left to run."
    case .operationInProgress:
      "Another operation on this order is still running."
    case .cardDataForbidden:
      "Card numbers are never accepted here: send a payment token."
    case .overShipped(let remaining):
      "Of a line only \(remaining) units are left to ship."
    case .paymentGone(let status):
      "The payment is \(status.rawValue)."
    case .refundExceedsCaptured(let refundable):
      "At most \(refundable) minor units can be refunded."
    case .shipmentTransition(let from, let to):
      "A shipment that is \(from.rawValue) cannot become \(to.rawValue)."
    }
  }

  var members: [String: FailureValue] {
    switch self {
    case .priceChanged(let expected, let actual):
      ["expectedTotal": .money(expected), "actualTotal": .money(actual)]
    case .insufficientStock(let order, _):
      ["orderId": .text("\(order)")]
    case .declined(let order, let code):
      ["orderId": .text("\(order)"), "declineCode": .text(code ?? "unknown")]
    case .invalidTransition(let from, let to):
      [
        "from": .text(from.rawValue), "to": .text(to.rawValue),
        "allowed": .list(from.successors.map { .text($0.rawValue) }),
      ]
    case .sagaFinished:
      ["from": "done", "to": "running", "allowed": []]
    case .keyInProgress: ["retryAfterMs": 1000]
    case .overShipped(let remaining): ["remaining": .number(Int64(remaining))]
    case .paymentGone(let status): ["state": .text(status.rawValue)]
    case .refundExceedsCaptured(let refundable): ["refundable": .number(refundable)]
    case .shipmentTransition(let from, let to):
      [
        "from": .text(from.rawValue), "to": .text(to.rawValue),
        "allowed": .list(from == .shipped ? [.text("delivered")] : []),
      ]
    case .keyReused, .operationInProgress, .cardDataForbidden: [:]
    }
  }

  var faults: [Fault] {
    switch self {
    case .insufficientStock(_, let items):
      items.map { item in
        Fault(
          "/items/\(item.index)/quantity", "insufficient_stock",
          members: [
            "variantId": .number(Int64(item.shortage.variantId)),
            "available": .number(Int64(item.shortage.available)),
          ])
      }
    case .cardDataForbidden(let pointer): [Fault(pointer, "card_data")]
    case .priceChanged, .declined, .invalidTransition, .keyReused, .keyInProgress, .sagaFinished,
      .operationInProgress, .overShipped, .paymentGone, .refundExceedsCaptured,
      .shipmentTransition:
      []
    }
  }
}
