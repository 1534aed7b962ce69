import EventLoops
import HTTPMessages
import JSONSyntax
import Postgres
import SharedKernel
import Synchronization

/// `GET /internal/events`: this service's events in the order of their positions.
struct EventFeed: Sendable {
  static let limitMax = 500
  static let waitMax: Duration = .seconds(10)
  static let nextPosition: HTTPFieldName = "X-Next-Position"
  static let headPosition: HTTPFieldName = "X-Head-Position"

  /// The short name in `source`: `order`.
  let source: String
  let database: Database
  let signal: FeedSignal
  /// How long a reader waits at most before it looks again: what another process numbered may not have been
  /// told here (`FeedBell`).
  var pollInterval: Duration = .seconds(1)

  func answer(_ call: Call) async throws -> HTTPResponse {
    let query = try call.query(["after", "limit", "types", "wait"])
    let after = try query.value("after", as: Int64.self) ?? 0
    let limit = try query.value("limit", as: Int.self) ?? 100
    let wait = try query.value("wait", as: Int.self) ?? 0
    var validation = Validation()
    validation.require(after >= 0, "after", "out_of_range")
    validation.require((1...Self.limitMax).contains(limit), "limit", "out_of_range")
    validation.require((0...10).contains(wait), "wait", "out_of_range")
    try validation.finish()
    let types: [String]? = try query.list("types")

    let end = ContinuousClock.now + min(.seconds(wait), Self.waitMax)
    // Where the reader would go on: what is not of its types is looked through once, not at each look.
    var place = after
    while true {
      let seen = signal.count(.numbered)
      let slice = try await read(after: place, limit: limit, types: types)
      guard place <= slice.head else {
        // The feed was begun anew (`seed --reset`): what is numbered now would never reach this reader.
        throw Problem(
          .gone, "The feed ends at position \(slice.head); it was begun anew.",
          members: ["headPosition": .number(slice.head)])
      }
      let left = ContinuousClock.now.duration(to: end)
      let isDraining = signal.isDraining.load(ordering: .relaxed)
      if !slice.events.isEmpty || left <= .zero || isDraining || Task.isCancelled {
        return try slice.response()
      }
      place = slice.next
      guard let loop = EventLoop.current else { preconditionFailure("handlers run on a loop") }
      await signal.wait(for: .numbered, since: seen, limit: min(left, pollInterval), on: loop)
    }
  }

  private struct Slice {
    /// Each a CloudEvents object, as JSON.
    let events: [[UInt8]]
    let next: Int64
    let head: Int64

    func response() throws -> HTTPResponse {
      var body: [UInt8] = [UInt8(ascii: "[")]
      for event in events {
        if body.count > 1 { body.append(UInt8(ascii: ",")) }
        body += event
      }
      body.append(UInt8(ascii: "]"))
      var response = HTTPResponse.json(bytes: body)
      response.fields[.contentType] = "application/cloudevents-batch+json"
      response.fields[EventFeed.nextPosition] = String(next)
      response.fields[EventFeed.headPosition] = String(head)
      return response
    }
  }

  private func read(after: Int64, limit: Int, types: [String]?) async throws -> Slice {
    var head: Int64 = 0
    var last: Int64?
    // One statement, so that the head and the events are of one snapshot: with `types`, the reader
    // may skip to the head only if nothing of its types came before it.
    let rows = try await database.query(
      """
      SELECT head.position, event.position, event.event_id, event.type, event.subject,
        event.version, event.data, event.traceparent, event.created_at
      FROM feed_head AS head
      LEFT JOIN LATERAL (
        SELECT * FROM outbox
        WHERE outbox.position > \(after) AND outbox.position <= head.position
          AND (\(types)::text[] IS NULL OR outbox.type = ANY(\(types)::text[]))
        ORDER BY outbox.position LIMIT \(Int64(limit))
      ) AS event ON true
      ORDER BY event.position
      """
    ) { row -> (head: Int64, position: Int64?, event: [UInt8]) in
      let head = try row.next(as: Int64.self)
      guard let position = try row.next(as: Int64?.self) else { return (head, nil, []) }
      return (head, position, try envelope(&row, position: position))
    }
    var events: [[UInt8]] = []
    for row in rows {
      head = row.head
      guard let position = row.position else { continue }
      last = position
      events.append(row.event)
    }
    let next = events.count == limit ? last ?? after : max(after, head)
    return Slice(events: events, next: next, head: head)
  }

  /// CloudEvents 1.0, JSON format.
  private func envelope(_ row: inout Row, position: Int64) throws -> [UInt8] {
    var json = JSONWriter(capacity: 512)
    json.beginObject()
    json.name("specversion")
    json.text("1.0")
    json.name("id")
    json.text(try row.next(as: UUID128.self).description)
    json.name("source")
    json.text("/\(source)")
    json.name("type")
    json.text("shop.\(try row.next(as: String.self)).v1")
    json.name("subject")
    json.text(try row.next(as: String.self))
    json.name("sequence")
    json.text(String(position))
    let version = try row.next(as: Int64.self)
    let data = try row.next(as: JSONText.self)
    if let traceparent = try row.next(as: String?.self) {
      json.name("traceparent")
      json.text(traceparent)
    }
    json.name("time")
    json.text(try row.next(as: Timestamp.self).description)
    json.name("version")
    json.integer(version)
    json.name("data")
    json.literal(data.text)
    json.endObject()
    return json.bytes
  }
}
