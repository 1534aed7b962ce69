import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// The warehouse over HTTP, for staff.
struct StockRoutes: Sendable {
  let service: StockService
  let within: @Sendable (Work) -> StockService

  func add(to routes: inout Routes) {
    routes.get("/variants/{id}/stock", access: .staff) { call in
      let level = try await service.level(of: call.parameter("id"))
      return try .json(level, version: level.version)
    }
    routes.get("/variants/{id}/stock-movements", access: .staff) { call in
      let request = try call.query(pageParameters).page()
      let page = try await service.movements(of: call.parameter("id"), request)
      return try .page(page, of: call).counting(page.total)
    }
    routes.post("/variants/{id}/stock-adjustments", access: .staff, key: .required) { call in
      let id: Int = try call.parameter("id")
      let adjustment = try call.json(AdjustmentBody.self).adjustment()
      return try await call.idempotently { work in
        try .json(
          try await within(work).adjust(id, adjustment, by: call.caller), status: .created)
      }
    }
  }
}

private struct AdjustmentBody: Decodable {
  let delta: Int?
  let setTo: Int?
  let expectedOnHand: Int?
  let reason: StockAdjustment.Reason
  let note: String?

  func adjustment() throws -> StockAdjustment {
    switch (delta, setTo, expectedOnHand) {
    case (let delta?, nil, nil):
      return try StockAdjustment(amount: .by(delta), reason: reason, note: note)
    case (nil, let units?, let expected?):
      return try StockAdjustment(
        amount: .to(units, expected: expected), reason: reason, note: note)
    default:
      throw ValidationFailure(
        "/delta", "required", "send delta, or setTo with expectedOnHand")
    }
  }
}
