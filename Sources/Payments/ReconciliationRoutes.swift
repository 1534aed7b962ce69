import HTTPMessages
import ServiceKit
import SharedKernel

/// Reconciliation over HTTP, for administrators.
struct ReconciliationRoutes {
  let reconciliation: ReconciliationService

  func add(to routes: inout Routes) {
    routes.post("/admin/reconciliations", access: .admin, key: .required) { call in
      struct Body: Decodable {
        let date: String
      }
      let date = try call.json(Body.self).date
      let report: Reconciliation
      do {
        // Before the transaction: the provider is asked.
        report = try await reconciliation.report(on: date)
      } catch let error as GatewayError {
        throw Problem(
          .dependencyUnavailable, "The provider's records cannot be read now: \(error).",
          members: ["target": "psp"], retryAfter: .seconds(5))
      }
      return try await call.idempotently { _ in try .json(report, status: .created) }
    }
  }
}
