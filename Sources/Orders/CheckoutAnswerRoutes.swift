import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// What who bought something is answered, from a cart or at once.
struct CheckoutAnswer: Sendable {
  let secrets: ServiceSecrets

  func response(to placement: Placement, _ call: Call) throws -> HTTPResponse {
    let response = try answer(placement.order, call)
    return placement.isReplay ? response.adding("Idempotent-Replayed", "true") : response
  }

  private func answer(_ order: Order, _ call: Call) throws -> HTTPResponse {
    switch CheckoutOutcome(order) {
    case .confirmed: try located(order, .created)
    case .running: try located(order, .accepted).adding(.retryAfter, "1")
    case .cancelled: try located(order, .ok)
    case .failed(let error):
      .problem(error, instance: call.request.path, requestID: call.requestID)
    }
  }

  private func located(_ order: Order, _ status: HTTPStatus) throws -> HTTPResponse {
    let token =
      order.userID == nil
      ? secrets.accessToken(kind: OrderRoutes.tokenKind, id: order.id.description) : nil
    return try HTTPResponse.json(
      OrderView(order, isForOwner: true, accessToken: token), status: status,
      version: Int(order.version)
    ).adding(.location, "/orders/\(order.id)")
  }
}
