import SharedKernel

/// What endpoints and their deliveries are kept in.
protocol WebhookStore: Sendable {
  func endpoints(_ page: PageRequest) async throws -> Page<WebhookEndpoint>
  func endpoint(_ id: ID<WebhookEndpoint>) async throws -> WebhookEndpoint?
  /// - Parameter secret: sealed.
  func insert(
    _ draft: WebhookDraft, id: ID<WebhookEndpoint>, secret: [UInt8]
  ) async throws -> WebhookEndpoint
  /// nil when the stored version is another. What waits for one that becomes disabled has failed.
  func update(
    _ id: ID<WebhookEndpoint>, to draft: WebhookDraft, version: Int
  ) async throws -> WebhookEndpoint?
  /// With its deliveries; false when the stored version is another.
  func delete(_ id: ID<WebhookEndpoint>, version: Int) async throws -> Bool
  /// The secret so far signs too for `overlap`. nil for no such endpoint.
  func replaceSecret(
    of id: ID<WebhookEndpoint>, by secret: [UInt8], overlap: Duration
  ) async throws -> WebhookEndpoint?
  func queueTest(of endpoint: WebhookEndpoint) async throws -> WebhookDelivery
  func deliveries(
    of endpoint: ID<WebhookEndpoint>, state: WebhookDelivery.State?, _ page: PageRequest
  ) async throws -> Page<WebhookDelivery>
  /// With the state of its endpoint.
  func delivery(
    _ id: ID<WebhookDelivery>
  ) async throws -> (delivery: WebhookDelivery, endpoint: WebhookEndpoint.State)?
  /// Makes it due now, with all its tries before it.
  func requeue(_ id: ID<WebhookDelivery>) async throws -> WebhookDelivery?
}

/// Webhooks' use cases.
struct WebhookService: Sendable {
  /// How long a secret signs beside the one that replaced it.
  static let secretOverlap: Duration = .seconds(24 * 3600)

  let store: any WebhookStore
  /// Encrypts a secret that must rest in the database.
  let seal: @Sendable (WebhookSecret, ID<WebhookEndpoint>) throws -> [UInt8]

  func endpoints(_ page: PageRequest) async throws -> Page<WebhookEndpoint> {
    try await store.endpoints(page)
  }

  /// - Throws: `NotFound`
  func endpoint(_ id: ID<WebhookEndpoint>) async throws -> WebhookEndpoint {
    guard let endpoint = try await store.endpoint(id) else { throw NotFound("webhook endpoint") }
    return endpoint
  }

  func create(_ draft: WebhookDraft, secret: WebhookSecret) async throws -> WebhookEndpoint {
    let id = ID<WebhookEndpoint>.new()
    return try await store.insert(draft, id: id, secret: seal(secret, id))
  }

  /// - Throws: `WebhookError.changedMeanwhile`
  func change(
    _ endpoint: WebhookEndpoint, to draft: WebhookDraft
  ) async throws -> WebhookEndpoint {
    guard
      let changed = try await store.update(endpoint.id, to: draft, version: endpoint.version)
    else { throw WebhookError.changedMeanwhile(currentVersion: endpoint.version + 1) }
    return changed
  }

  /// - Throws: `WebhookError.changedMeanwhile`
  func delete(_ endpoint: WebhookEndpoint) async throws {
    guard try await store.delete(endpoint.id, version: endpoint.version) else {
      throw WebhookError.changedMeanwhile(currentVersion: endpoint.version + 1)
    }
  }

  /// - Throws: `NotFound`
  func rotate(
    _ id: ID<WebhookEndpoint>, to secret: WebhookSecret
  ) async throws -> WebhookEndpoint {
    guard
      let endpoint = try await store.replaceSecret(
        of: id, by: seal(secret, id), overlap: Self.secretOverlap)
    else { throw NotFound("webhook endpoint") }
    return endpoint
  }

  /// Queues an event that says nothing, to try the endpoint with.
  ///
  /// - Throws: `NotFound`; `WebhookError.disabled`
  func test(_ id: ID<WebhookEndpoint>) async throws -> WebhookDelivery {
    let endpoint = try await endpoint(id)
    guard endpoint.state == .enabled else { throw WebhookError.disabled }
    return try await store.queueTest(of: endpoint)
  }

  /// - Throws: `NotFound`
  func deliveries(
    of id: ID<WebhookEndpoint>, state: WebhookDelivery.State?, _ page: PageRequest
  ) async throws -> Page<WebhookDelivery> {
    try await store.deliveries(of: endpoint(id).id, state: state, page)
  }

  /// Posts it again now, whatever became of it.
  ///
  /// - Throws: `NotFound`; `WebhookError.disabled`
  func redeliver(_ id: ID<WebhookDelivery>) async throws -> WebhookDelivery {
    guard let found = try await store.delivery(id) else { throw NotFound("webhook delivery") }
    guard found.endpoint == .enabled else { throw WebhookError.disabled }
    guard let queued = try await store.requeue(id) else { throw NotFound("webhook delivery") }
    return queued
  }
}
