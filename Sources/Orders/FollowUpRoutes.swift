import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// What staff do with confirmed orders, over HTTP.
struct FollowUpRoutes: Sendable {
  let followUps: FollowUpService

  func add(to routes: inout Routes) {
    routes.post("/orders/{id}/shipments", access: .staff, key: .required, load: .waiting) {
      try await ship($0)
    }
    routes.patch("/orders/{id}/shipments/{sid}", access: .staff) { try await update($0) }
    routes.post("/orders/{id}/refunds", access: .staff, key: .required, load: .waiting) {
      try await refund($0)
    }
  }

  private func ship(_ call: Call) async throws -> HTTPResponse {
    let request: ShipRequest = try call.json()
    let shipped = try await followUps.ship(
      call.parameter("id"), request, call.orderKey,
      wait: call.waitPreference(standard: OrderRoutes.waitStandard))
    let view = ShipmentView(shipped.subject)
    return switch shipped.subject.status {
    case .pending: try answer(shipped, view, .accepted, call).adding(.retryAfter, "1")
    case .shipped, .delivered: try answer(shipped, view, .created, call)
    case .failed: refusal(shipped, shipped.subject.failure, call)
    }
  }

  private func refund(_ call: Call) async throws -> HTTPResponse {
    let request: RefundRequest = try call.json()
    let refunded = try await followUps.refund(
      call.parameter("id"), request, call.orderKey,
      wait: call.waitPreference(standard: OrderRoutes.waitStandard))
    let view = RefundView(refunded.subject)
    return switch refunded.subject.status {
    case .pending: try answer(refunded, view, .accepted, call).adding(.retryAfter, "1")
    case .succeeded: try answer(refunded, view, .created, call)
    case .failed: refusal(refunded, refunded.subject.failure, call)
    }
  }

  private func update(_ call: Call) async throws -> HTTPResponse {
    let patch: ShipmentPatch = try call.json()
    let id: ID<Shipment> = try call.parameter("sid")
    let order = try await followUps.update(
      id, of: call.parameter("id"), patch, by: call.principal)
    guard let shipment = order.shipments.first(where: { $0.id == id }) else {
      throw NotFound("shipment")
    }
    return try .json(ShipmentView(shipment))
  }

  // MARK: Answering

  private func answer<Subject>(
    _ followUp: FollowUp<Subject>, _ view: some Encodable, _ status: HTTPStatus, _ call: Call
  ) throws -> HTTPResponse {
    let response = try HTTPResponse.json(view, status: status)
      .adding(.location, "/orders/\(followUp.order.id)")
    return followUp.isReplay ? response.adding("Idempotent-Replayed", "true") : response
  }

  private func refusal<Subject>(
    _ followUp: FollowUp<Subject>, _ failure: FollowUpFailure?, _ call: Call
  ) -> HTTPResponse {
    let response = HTTPResponse.problem(
      OrderError(failure, of: followUp.order), instance: call.request.path,
      requestID: call.requestID)
    return followUp.isReplay ? response.adding("Idempotent-Replayed", "true") : response
  }
}

extension OrderError {
  /// What staff are told of a shipment or refund that came to nothing.
  init(_ failure: FollowUpFailure?, of order: Order) {
    self =
      switch failure?.reason {
      case .overShipped: .overShipped(remaining: 0)
      case .holdClosed: .invalidTransition(from: order.state, to: .shipped)
      case .exceedsCaptured:
        .refundExceedsCaptured(refundable: order.payment.captured - order.payment.refunded)
      case .declined, .paymentRefused, nil: .declined(order.id, code: failure?.declineCode)
      }
  }
}
