import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// Sagas over HTTP, for administrators.
struct SagaRoutes: Sendable {
  let sagas: any SagaOverview

  func add(to routes: inout Routes) {
    routes.get("/admin/sagas", access: .admin) { call in
      let query = try call.query(
        pageParameters.union(["kind", "state", "parked", "olderThan"]))
      var filter = SagaFilter()
      filter.kind = try query.text("kind").map { text in
        guard let kind = SagaKind(rawValue: text) else {
          throw ValidationFailure("kind", "invalid", "must be checkout, cancel, ship or refund")
        }
        return kind
      }
      filter.isDone = try query.text("state").map { text in
        guard text == "running" || text == "done" else {
          throw ValidationFailure("state", "invalid", "must be running or done")
        }
        return text == "done"
      }
      filter.isParked = try query.value("parked")
      filter.begunBefore = try query.value("olderThan")
      let page = try await sagas.sagas(filter, query.page())
      return try .page(page, of: call).counting(page.total)
    }
    routes.get("/admin/sagas/{id}", access: .admin) { call in
      try .json(try await saga(call.parameter("id")))
    }
    routes.post("/admin/sagas/{id}/retry", access: .admin) { call in
      let saga = try await saga(call.parameter("id"))
      guard try await sagas.wake(saga.id) else { throw OrderError.sagaFinished }
      return try .json(saga, status: .accepted)
    }
  }

  private func saga(_ id: ID<SagaLease>) async throws -> SagaRecord {
    guard let saga = try await sagas.saga(id) else { throw NotFound("saga") }
    return saga
  }
}
