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
      if let known = try await replay(call) { return known }
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

  /// What an earlier request with this key was answered; nil if there was none.
  private func replay(_ call: Call) async throws -> HTTPResponse? {
    /// Undoes the transaction, and with it the key.
    struct NotYet: Error {}
    do {
      return try await call.idempotently { _ in throw NotYet() }
    } catch is NotYet {
      return nil
    }
  }
}
