import Postgres
import ServiceKit
import SharedKernel

/// Endpoints and their deliveries in PostgreSQL.
struct WebhookRepository {
  let runner: any SQLRunner
  let outbox: Outbox

  private static let columns: SQL = """
    e.id, e.url, e.types, e.description, e.state, e.failing_since, e.previous_secret_until,
    e.version, e.created_at
    """

  private static let deliveryColumns: SQL = """
    d.id, d.endpoint_id, d.event_id, d.type, d.state, d.attempts,
    CASE WHEN d.state = 'queued' THEN d.next_run_at END, d.last_status, d.last_body, d.last_error,
    d.created_at, d.sent_at
    """

  /// A new version 7 UUID, as `UUID128.v7` makes it: here, since the statement alone knows how many
  /// rows it will insert. (Bits 52 and 53 make the 7 of a random one's 4.)
  private static let newID: SQL = """
    encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
      PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
      FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
    """

  /// Queues an event for each endpoint that is to be told of it; once for each.
  ///
  /// - Parameters:
  ///   - body: the event as JSON.
  ///   - replayOf: when it happened, if it was told before: it is not told again, and endpoints
  ///     that have subscribed since do not get to know of it.
  func insertDeliveries(
    eventID: UUID128, type: String, body: [UInt8], replayOf time: Timestamp? = nil
  ) async throws {
    let state: WebhookDelivery.State = time == nil ? .queued : .replayed
    try await runner.send(
      """
      INSERT INTO webhook_deliveries (id, endpoint_id, event_id, type, body, state)
      SELECT \(Self.newID), e.id, \(eventID), \(type), \(String(decoding: body, as: UTF8.self)),
        \(state.rawValue)
      FROM webhook_endpoints e WHERE e.state = 'enabled' AND \(type) = ANY(e.types)
        AND (\(time)::timestamptz IS NULL OR e.subscribed_at <= \(time))
      ON CONFLICT ON CONSTRAINT webhook_deliveries_once DO NOTHING
      """)
  }
}

extension WebhookRepository: WebhookStore {
  private static let oldestFirst = Keyset<WebhookEndpoint>(.ascending, .init("e.id", \.id))
  private static let newestFirst = Keyset<WebhookDelivery>(.descending, .init("d.id", \.id))

  func endpoints(_ page: PageRequest) async throws -> Page<WebhookEndpoint> {
    try await runner.page(
      page, named: "webhook.endpoints", by: Self.oldestFirst, select: Self.columns,
      from: "webhook_endpoints e", where: [], WebhookEndpoint.init(row:))
  }

  func endpoint(_ id: ID<WebhookEndpoint>) async throws -> WebhookEndpoint? {
    try await runner.first(
      "SELECT \(Self.columns) FROM webhook_endpoints e WHERE e.id = \(id)",
      WebhookEndpoint.init(row:))
  }

  func insert(
    _ draft: WebhookDraft, id: ID<WebhookEndpoint>, secret: [UInt8]
  ) async throws -> WebhookEndpoint {
    let endpoint = try await runner.first(
      """
      INSERT INTO webhook_endpoints AS e (id, url, types, description, state, secret)
      VALUES (\(id), \(draft.url.text), \(draft.types), \(draft.description),
        \(draft.state.rawValue), \(secret))
      RETURNING \(Self.columns)
      """, WebhookEndpoint.init(row:))
    guard let endpoint else { throw PostgresError.invalid("an inserted endpoint is not there") }
    return endpoint
  }

  func update(
    _ id: ID<WebhookEndpoint>, to draft: WebhookDraft, version: Int
  ) async throws -> WebhookEndpoint? {
    let changed = try await runner.first(
      """
      UPDATE webhook_endpoints e
      SET url = \(draft.url.text), types = \(draft.types), description = \(draft.description),
        state = \(draft.state.rawValue), version = version + 1,
        failing_since = CASE WHEN url = \(draft.url.text) AND state = \(draft.state.rawValue)
          THEN failing_since END,
        subscribed_at = CASE WHEN types = \(draft.types) AND state = \(draft.state.rawValue)
          THEN subscribed_at ELSE now() END
      WHERE id = \(id) AND version = \(version)
      RETURNING \(Self.columns)
      """, WebhookEndpoint.init(row:))
    if changed?.state == .disabled { try await dropWaiting(of: id) }
    return changed
  }

  private func dropWaiting(of endpoint: ID<WebhookEndpoint>) async throws {
    try await runner.send(
      """
      UPDATE webhook_deliveries SET state = 'failed', last_error = 'the endpoint was disabled'
      WHERE endpoint_id = \(endpoint) AND state = 'queued'
      """)
  }

  func delete(_ id: ID<WebhookEndpoint>, version: Int) async throws -> Bool {
    try await runner.execute(
      "DELETE FROM webhook_endpoints WHERE id = \(id) AND version = \(version)") == 1
  }

  func replaceSecret(
    of id: ID<WebhookEndpoint>, by secret: [UInt8], overlap: Duration
  ) async throws -> WebhookEndpoint? {
    try await runner.first(
      """
      UPDATE webhook_endpoints e
      SET previous_secret = secret, secret = \(secret), version = version + 1,
        previous_secret_until = now()
          + make_interval(secs => \(Double(overlap.components.seconds)))
      WHERE id = \(id) RETURNING \(Self.columns)
      """, WebhookEndpoint.init(row:))
  }

  func queueTest(of endpoint: WebhookEndpoint) async throws -> WebhookDelivery {
    struct Event: Encodable {
      struct Data: Encodable { let endpointId: ID<WebhookEndpoint> }
      let specversion = "1.0"
      let id: UUID128
      let source = "/notification"
      let type = "shop.\(WebhookTypes.test).v1"
      let subject: String
      let time = Timestamp.now()
      let data: Data
    }
    let id = UUID128.v7()
    let body = try JSONEncoding.encode(
      Event(id: id, subject: "\(endpoint.id)", data: .init(endpointId: endpoint.id)))
    let delivery = try await runner.first(
      """
      INSERT INTO webhook_deliveries AS d (id, endpoint_id, event_id, type, body, state)
      VALUES (\(UUID128.v7()), \(endpoint.id), \(id), \(WebhookTypes.test),
        \(String(decoding: body, as: UTF8.self)), 'queued')
      RETURNING \(Self.deliveryColumns)
      """, WebhookDelivery.init(row:))
    guard let delivery else { throw PostgresError.invalid("an inserted delivery is not there") }
    return delivery
  }

  func deliveries(
    of endpoint: ID<WebhookEndpoint>, state: WebhookDelivery.State?, _ page: PageRequest
  ) async throws -> Page<WebhookDelivery> {
    var conditions: [SQL] = ["d.endpoint_id = \(endpoint)"]
    if let state { conditions.append("d.state = \(state.rawValue)") }
    return try await runner.page(
      page, named: "webhook.deliveries", by: Self.newestFirst, select: Self.deliveryColumns,
      from: "webhook_deliveries d", where: conditions, WebhookDelivery.init(row:))
  }

  func delivery(
    _ id: ID<WebhookDelivery>
  ) async throws -> (delivery: WebhookDelivery, endpoint: WebhookEndpoint.State)? {
    try await runner.first(
      """
      SELECT \(Self.deliveryColumns), e.state FROM webhook_deliveries d
      JOIN webhook_endpoints e ON e.id = d.endpoint_id WHERE d.id = \(id)
      """
    ) { row in (try WebhookDelivery(row: &row), try row.nextState(WebhookEndpoint.State.self)) }
  }

  func requeue(_ id: ID<WebhookDelivery>) async throws -> WebhookDelivery? {
    try await runner.first(
      """
      UPDATE webhook_deliveries d SET state = 'queued', attempts = 0, next_run_at = now()
      WHERE d.id = \(id) RETURNING \(Self.deliveryColumns)
      """, WebhookDelivery.init(row:))
  }
}

extension WebhookEndpoint {
  fileprivate init(row: inout Row) throws {
    id = try row.next()
    url = try row.next()
    types = try row.next()
    description = try row.next()
    state = try row.nextState()
    failingSince = try row.next()
    previousSecretUntil = try row.next()
    version = try row.next()
    createdAt = try row.next()
  }
}

extension WebhookDelivery {
  fileprivate init(row: inout Row) throws {
    id = try row.next()
    endpointID = try row.next()
    eventID = try row.next()
    type = try row.next()
    state = try row.nextState()
    attempts = try row.next()
    nextRunAt = try row.next()
    lastStatus = try row.next()
    lastBody = try row.next()
    lastError = try row.next()
    createdAt = try row.next()
    sentAt = try row.next()
  }
}

extension Row {
  /// A text that is one of an enum's.
  fileprivate mutating func nextState<State: RawRepresentable<String>>(
    _ type: State.Type = State.self
  ) throws -> State {
    let text: String = try next()
    guard let state = State(rawValue: text) else {
      throw PostgresError.invalid("\(State.self) has no \(text)")
    }
    return state
  }
}
