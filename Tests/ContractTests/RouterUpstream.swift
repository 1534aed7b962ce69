import CoreHTTP
import HTTPMessages
import Logging
import Postgres
import ServiceKit
import SharedKernel

/// Calls a service's own router in place of the service.
struct RouterUpstream: Upstream {
  let name: String
  let router: Router
  /// Who calls, as the callee's verifier would find.
  let caller: String

  func send(_ request: HTTPRequest, options: CallOptions) async throws -> HTTPResponse {
    var request = request
    request.fields[.authorization] = "Bearer \(caller)"
    return try await router.handle(request)
  }

  private static let staff = Caller.user(.new(), role: .staff, session: .v7())

  /// A bearer token is `staff`, or the name of a service.
  static func kit(_ database: Database, secrets: ServiceSecrets) -> RequestKit {
    RequestKit(
      storage: RequestStorage(database: database, fingerprint: { secrets.fingerprint($0) }),
      authenticate: { $0 == "staff" ? staff : .service($0) }, logger: Logger(label: "test"))
  }
}
