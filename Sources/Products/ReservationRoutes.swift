import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// Reservations and price snapshots over HTTP, for the order service.
struct ReservationRoutes: Sendable {
  static let snapshotMax = 100

  let service: ReservationService
  let within: @Sendable (Work) -> ReservationService
  let stock: @Sendable (Work) -> StockService
  let snapshots: @Sendable (VariantQuery) async throws -> [VariantSnapshot]

  func add(to routes: inout Routes) {
    let access = Access.services(["order-service"])
    routes.get("/internal/variants", access: access) { try await variants($0) }
    routes.put("/internal/reservations/{orderId}", access: access) { call in
      let id: OrderID = try call.parameter("orderId")
      let body: HoldBody = try call.json()
      let request = try HoldRequest(lines: body.lines, expiresAt: body.expiresAt, now: .now())
      return try await answer(call) { try await $0.hold(id, request) }
    }
    routes.get("/internal/reservations/{orderId}", access: access) { call in
      try .json(ReservationView(try await service.reservation(call.parameter("orderId"))))
    }
    routes.post("/internal/reservations/{orderId}/commit", access: access) { call in
      let id: OrderID = try call.parameter("orderId")
      return try await answer(call) { try await $0.commit(id) }
    }
    routes.post("/internal/reservations/{orderId}/release", access: access) { call in
      let id: OrderID = try call.parameter("orderId")
      return try await answer(call) { try await $0.release(id, now: .now()) }
    }
    routes.put(
      "/internal/reservations/{orderId}/fulfilments/{shipmentId}", access: access
    ) { call in
      let id: OrderID = try call.parameter("orderId")
      let shipment: ShipmentID = try call.parameter("shipmentId")
      let lines = try call.json(MovedUnits.self).checked()
      return try await answer(call) {
        try await $0.fulfil(id, shipment, lines, by: call.principal)
      }
    }
    routes.put("/internal/restocks/{refundId}", access: access) { call in
      let refund: RefundID = try call.parameter("refundId")
      let lines = try call.json(MovedUnits.self).checked()
      let restock = try await call.transactionally {
        try await stock($0).restock(refund, lines, by: call.principal)
      }
      return try .json(restock)
    }
  }

  /// A refusal is thrown only after its transaction has been committed: it may have been written.
  private func answer(
    _ call: Call,
    _ command: @Sendable (ReservationService) async throws -> ReservationOutcome
  ) async throws -> HTTPResponse {
    let outcome = try await call.transactionally { work in try await command(within(work)) }
    switch outcome {
    case .refused(let error): throw error
    case .reserved(let reservation, let isNew):
      return try .json(ReservationView(reservation), status: isNew ? .created : .ok)
    }
  }

  private func variants(_ call: Call) async throws -> HTTPResponse {
    let query = try call.query(["ids", "productIds", "currency"])
    let ids: [Int] = try query.list("ids", countMax: Self.snapshotMax) ?? []
    let productIDs: [Int] = try query.list("productIds", countMax: Self.snapshotMax) ?? []
    guard !(ids.isEmpty && productIDs.isEmpty) else {
      throw ValidationFailure("ids", "required", "send ids, productIds or both")
    }
    guard let currency = Currency(query.text("currency") ?? "USD") else {
      throw ValidationFailure("currency", "invalid", "is no currency known here")
    }
    return try .json(
      try await snapshots(VariantQuery(ids: ids, productIDs: productIDs, currency: currency)))
  }
}

private struct HoldBody: Decodable {
  let lines: [ReservationLine]
  let expiresAt: Timestamp
}

private struct ReservationView: Encodable {
  let orderId: OrderID
  let state: Reservation.State
  let expiresAt: Timestamp
  let lines: [ReservationLine]
  let version: Int

  init(_ reservation: Reservation) {
    orderId = reservation.orderID
    state = reservation.state
    expiresAt = reservation.expiresAt
    lines = reservation.lines
    version = reservation.version
  }
}
