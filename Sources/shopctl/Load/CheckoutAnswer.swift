import Foundation
import HTTPMessages

/// What a client makes of the answer to `POST /orders`.
struct CheckoutAnswer: Sendable {
  enum Kind: String, CaseIterable, Sendable {
    case confirmed
    /// Accepted; the shop still works on it.
    case running
    /// Accepted; it waits for the customer's answer to the bank.
    case awaitingPayment = "awaiting payment"
    /// Ended without goods, by a cancellation or because its time was over.
    case cancelled
    case declined
    case outOfStock = "out of stock"
    /// 4xx of another kind: the tool's own mistake, or a limit.
    case refused
    /// 5xx, in the contract's form or not.
    case unavailable
    /// Nothing came back in time, or the connection broke.
    case noAnswer = "no answer"

    /// Whether asking again with the same key cannot change it.
    var isFinal: Bool {
      switch self {
      case .confirmed, .cancelled, .declined, .outOfStock, .refused: true
      case .running, .awaitingPayment, .unavailable, .noAnswer: false
      }
    }
  }

  let kind: Kind
  var orderID: String?
  var paymentID: String?
  /// A guest's way back to the order.
  var orderToken: String?
  /// A guest's way to the payment that waits for an answer.
  var paymentToken: String?
  /// For people: the status and the problem's type, or why there is no answer.
  let note: String

  private struct Order: Decodable {
    struct NextAction: Decodable { let accessToken: String? }

    let id: String?
    let orderId: String?
    let state: String?
    let type: String?
    let paymentId: String?
    let accessToken: String?
    let nextAction: NextAction?
  }

  init(kind: Kind, note: String) {
    self.kind = kind
    self.note = note
  }

  init(_ response: HTTPResponse) {
    // A body of another form tells nothing but its status.
    let order = try? JSONDecoder().decode(Order.self, from: Data(response.body))
    let problem = order?.type?.split(separator: "/").last.map(String.init)
    kind =
      switch (response.status.code, problem, order?.state) {
      case (200, _, "cancelled"): .cancelled
      case (200...201, _, "confirmed"), (200...201, _, "shipped"): .confirmed
      case (202, _, "awaiting_payment"): .awaitingPayment
      case (200...202, _, _): .running
      case (402, _, _): .declined
      case (409, "insufficient-stock", _): .outOfStock
      // The first request with this key still commits.
      case (409, "idempotency-in-progress", _), (409, "operation-in-progress", _), (429, _, _):
        .unavailable
      case (500..., _, _): .unavailable
      default: .refused
      }
    orderID = order?.orderId ?? (problem == nil ? order?.id : nil)
    paymentID = order?.paymentId
    orderToken = order?.accessToken
    paymentToken = order?.nextAction?.accessToken
    note = "\(response.status.code)" + (problem.map { " \($0)" } ?? "")
  }
}
