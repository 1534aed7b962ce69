import HTTPMessages
import Postgres
import Resilience
import SharedKernel

/// The endpoints that every service has (the contract's section 1.7).
struct StandardRoutes {
  let identity: ServiceIdentity
  let commit: String
  let instance: String
  let startedAt: Timestamp
  let readiness: Readiness
  let metrics: PrometheusMetrics
  let metricsToken: String?
  let openAPI: [UInt8]
  let peers: Peers
  let database: Database
  let invariants: [Invariant]
  let feed: EventFeed
  let logLevel: RunTimeLogLevel

  /// Who consumes feeds; which of them is for each consumer to know.
  private static let feedReaders: Set<String> = ["order-service", "notification-service"]

  func add(to routes: inout Routes) {
    addFace(&routes)
    addHealth(&routes)
    addAdministration(&routes)
    let feed = feed
    routes.get("/internal/events", access: .services(Self.feedReaders), load: .waiting) {
      try await feed.answer($0)
    }
  }

  private func addFace(_ routes: inout Routes) {
    struct Face: Encodable {
      let service: String
      let version: String
      let docs: String
    }
    struct Info: Encodable {
      let service: String
      let version: String
      let commit: String
      let instance: String
      let startedAt: Timestamp
    }
    let face = Face(service: identity.name, version: Build.version, docs: "/openapi.yaml")
    let info = Info(
      service: identity.name, version: Build.version, commit: commit, instance: instance,
      startedAt: startedAt)
    let openAPI = openAPI
    routes.get("/", access: .anyone, load: .exempt) { _ in try .json(face) }
    routes.get("/info", access: .anyone, load: .exempt) { _ in try .json(info) }
    routes.get("/openapi.yaml", access: .anyone) { _ in
      HTTPResponse(.ok, fields: [.contentType: "application/yaml"], body: openAPI)
    }
  }

  private func addHealth(_ routes: inout Routes) {
    struct Health: Encodable {
      let status: String
      let checks: [Readiness.Check]
    }
    let readiness = readiness
    let metrics = metrics
    let token = metricsToken
    routes.get("/health/live", access: .anyone, load: .exempt) { _ in
      try .json(Health(status: "live", checks: []))
    }
    routes.get("/health/ready", access: .anyone, load: .exempt) { _ in
      let checks = await readiness.checks()
      let isReady = checks.allSatisfy(\.ok)
      return try .json(
        Health(status: isReady ? "ready" : "not ready", checks: checks),
        status: isReady ? .ok : HTTPStatus(503))
    }
    routes.get("/metrics", access: .anyone, load: .exempt) { call in
      if let token {
        let shown = call.request.fields[.authorization].flatMap(bearerToken(of:)) ?? ""
        guard equalInConstantTime(shown, token) else {
          throw Problem(.unauthenticated, "Metrics need the metrics token.")
        }
      }
      return HTTPResponse(
        .ok, fields: [.contentType: PrometheusMetrics.contentType], body: metrics.text())
    }
  }

  private func addAdministration(_ routes: inout Routes) {
    let peers = peers
    let database = database
    let invariants = invariants
    routes.get("/admin/circuit-breakers", access: .admin) { _ in try .json(peers.breakers()) }
    routes.post("/admin/circuit-breakers/{target}/reset", access: .admin) { call in
      try .json(peers.order(.closed, of: call.parameter("target")))
    }
    routes.post("/admin/circuit-breakers/{target}/open", access: .admin) { call in
      try .json(peers.order(.forcedOpen, of: call.parameter("target")))
    }
    routes.post("/admin/consumers/{source}/reset", access: .admin, key: .required) { call in
      let reset: ConsumerReset = try call.json()
      let source: String = try call.parameter("source")
      return try await call.idempotently { work in
        try .json(try await reset.apply(to: source, in: work.transaction), status: .accepted)
      }
    }
    routes.get("/admin/dead-letters", access: .admin) { call in
      let page = try await DeadLetters(runner: database).page(call.query(pageParameters).page())
      return try .page(page, of: call).counting(page.total)
    }
    routes.post("/admin/dead-letters/{source}/{position}/retry", access: .admin) { call in
      let letter = try await DeadLetters(runner: database).retry(
        call.parameter("source"), call.parameter("position"))
      return try .json(letter, status: .accepted)
    }
    let logLevel = logLevel
    routes.put("/admin/log-level", access: .admin) { call in
      struct Wanted: Decodable { let level: String }
      struct Answer: Encodable {
        let level: String
        let until: Timestamp
      }
      let level = try RunTimeLogLevel.level(call.json(Wanted.self).level)
      return try .json(Answer(level: level.rawValue, until: logLevel.lend(level)))
    }
    routes.get("/admin/discovery", access: .admin) { _ in try .json(peers.discovery()) }
    routes.put("/admin/maintenance", access: .admin) { call in
      let order: MaintenanceOrder = try call.json()
      try await peers.setMaintenance(try order.checkedReason())
      return try .json(order)
    }
    routes.get("/admin/invariants", access: .admin) { _ in
      var reports: [InvariantReport] = []
      for invariant in invariants {
        reports.append(try await InvariantReport(invariant, in: database.reports))
      }
      return try .json(reports)
    }
  }
}
