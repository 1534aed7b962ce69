import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// Webhooks over HTTP, for administrators.
struct WebhookRoutes: Sendable {
  let service: WebhookService
  /// The same service within one transaction.
  let within: @Sendable (Work) -> WebhookService
  let rules: WebhookURL.Rules

  func add(to routes: inout Routes) {
    routes.get("/webhook-endpoints", access: .admin) { call in
      let page = try await service.endpoints(call.query(pageParameters).page())
      return try .page(page.map { EndpointView($0) }, of: call).counting(page.total)
    }
    routes.post("/webhook-endpoints", access: .admin, key: .optional) { try await create($0) }
    routes.get("/webhook-endpoints/{id}", access: .admin) { call in
      let endpoint = try await service.endpoint(call.parameter("id"))
      return try .json(EndpointView(endpoint), version: endpoint.version)
    }
    routes.patch("/webhook-endpoints/{id}", access: .admin) { try await change($0) }
    routes.delete("/webhook-endpoints/{id}", access: .admin) { call in
      let endpoint = try await service.endpoint(call.parameter("id"))
      try call.requireMatch(version: endpoint.version)
      try await service.delete(endpoint)
      return .noContent
    }
    routes.post("/webhook-endpoints/{id}/rotate-secret", access: .admin, key: .required) {
      try await rotate($0)
    }
    routes.post("/webhook-endpoints/{id}/test", access: .admin, key: .required) { call in
      let id: ID<WebhookEndpoint> = try call.parameter("id")
      return try await call.idempotently { work in
        try .json(DeliveryView(try await within(work).test(id)))
      }
    }
    routes.get("/webhook-endpoints/{id}/deliveries", access: .admin) { call in
      let query = try call.query(pageParameters.union(["state"]))
      let page = try await service.deliveries(
        of: call.parameter("id"), state: state(query), query.page())
      return try .page(page.map(DeliveryView.init), of: call).counting(page.total)
    }
    routes.post("/webhook-deliveries/{id}/redeliver", access: .admin) { call in
      try .json(
        DeliveryView(try await service.redeliver(call.parameter("id"))), status: .accepted)
    }
  }

  private func create(_ call: Call) async throws -> HTTPResponse {
    struct NewEndpoint: Decodable {
      let url: String
      let types: [String]
      let description: String?
    }
    let body: NewEndpoint = try call.json()
    let draft = try WebhookDraft(
      url: body.url, types: body.types, description: body.description ?? "", state: .enabled,
      rules: rules)
    return try await showingOnce(call, status: .created) { work, secret in
      try await within(work).create(draft, secret: secret)
    }
  }

  private func rotate(_ call: Call) async throws -> HTTPResponse {
    let id: ID<WebhookEndpoint> = try call.parameter("id")
    return try await showingOnce(call, status: .ok) { work, secret in
      try await within(work).rotate(id, to: secret)
    }
  }

  /// What is stored for the key, and so replayed, is without the secret: only the first answer has
  /// it.
  private func showingOnce(
    _ call: Call, status: HTTPStatus,
    _ change: (Work, WebhookSecret) async throws -> WebhookEndpoint
  ) async throws -> HTTPResponse {
    let secret = WebhookSecret(bytes: randomBytes(WebhookSecret.byteCount))
    var changed: WebhookEndpoint?
    var response = try await call.idempotently { work in
      let endpoint = try await change(work, secret)
      changed = endpoint
      return try .json(EndpointView(endpoint), status: status, version: endpoint.version)
        .adding(.location, "/webhook-endpoints/\(endpoint.id)")
    }
    if let changed {
      response.body = try JSONEncoding.encode(EndpointView(changed, secret: secret.text))
    }
    return response
  }

  private func change(_ call: Call) async throws -> HTTPResponse {
    let endpoint = try await service.endpoint(call.parameter("id"))
    try call.requireMatch(version: endpoint.version)
    struct Change: Decodable {
      let url: String?
      let types: [String]?
      let description: String?
      let state: WebhookEndpoint.State?
    }
    let change: Change = try call.json()
    let draft = try WebhookDraft(
      url: change.url ?? endpoint.url, types: change.types ?? endpoint.types,
      description: change.description ?? endpoint.description,
      state: change.state ?? endpoint.state, rules: rules)
    let changed = try await call.transactionally { work in
      try await within(work).change(endpoint, to: draft)
    }
    return try .json(EndpointView(changed), version: changed.version)
  }

  private func state(_ query: QueryParameters) throws -> WebhookDelivery.State? {
    guard let text = query.text("state") else { return nil }
    guard let state = WebhookDelivery.State(rawValue: text) else {
      throw ValidationFailure("state", "invalid", "is no state of a delivery")
    }
    return state
  }
}

private struct EndpointView: Encodable {
  let id: ID<WebhookEndpoint>
  let url: String
  let types: [String]
  let description: String
  let state: WebhookEndpoint.State
  let failingSince: Timestamp?
  let previousSecretUntil: Timestamp?
  let secret: String?
  let version: Int
  let createdAt: Timestamp

  init(_ endpoint: WebhookEndpoint, secret: String? = nil) {
    id = endpoint.id
    url = endpoint.url
    types = endpoint.types
    description = endpoint.description
    state = endpoint.state
    failingSince = endpoint.failingSince
    previousSecretUntil = endpoint.previousSecretUntil
    self.secret = secret
    version = endpoint.version
    createdAt = endpoint.createdAt
  }
}

private struct DeliveryView: Encodable {
  let id: ID<WebhookDelivery>
  let endpointId: ID<WebhookEndpoint>
  let eventId: UUID128
  let type: String
  let state: WebhookDelivery.State
  let attempts: Int
  let nextRunAt: Timestamp?
  let lastStatus: Int?
  let lastBody: String?
  let lastError: String?
  let createdAt: Timestamp
  let sentAt: Timestamp?

  init(_ delivery: WebhookDelivery) {
    id = delivery.id
    endpointId = delivery.endpointID
    eventId = delivery.eventID
    type = delivery.type
    state = delivery.state
    attempts = delivery.attempts
    nextRunAt = delivery.nextRunAt
    lastStatus = delivery.lastStatus
    lastBody = delivery.lastBody
    lastError = delivery.lastError
    createdAt = delivery.createdAt
    sentAt = delivery.sentAt
  }
}
