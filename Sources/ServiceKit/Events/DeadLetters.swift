import JSONSyntax
import Postgres
import SharedKernel

/// An event that was put aside because it failed again and again (`FeedConsumer.failuresMax`).
struct DeadLetter: Encodable, Sendable {
  let source: String
  let position: Int64
  /// As the feed told it.
  let event: JSONText
  let error: String
  let at: Timestamp
  /// Since when it is to be applied once more; nil while nobody has asked.
  let retryAt: Timestamp?

  func encode(to encoder: any Encoder) throws {
    enum Key: String, CodingKey { case source, position, event, error, at, retryAt }
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(source, forKey: .source)
    try container.encode(position, forKey: .position)
    try container.encode(try JSONParser.parse(Array(event.text.utf8)), forKey: .event)
    try container.encode(error, forKey: .error)
    try container.encode(at, forKey: .at)
    try container.encodeIfPresent(retryAt, forKey: .retryAt)
  }
}

/// The events that a service put aside, in PostgreSQL.
struct DeadLetters: Sendable {
  private static let columns: SQL = "source, position, event, error, at, retry_at"
  private static let oldestFirst = Keyset<DeadLetter>(
    .ascending, .init("source", \.source), .init("position", \.position))

  let runner: any SQLRunner

  func page(_ page: PageRequest) async throws -> Page<DeadLetter> {
    try await runner.page(
      page, named: "dead-letters.list", by: Self.oldestFirst, select: Self.columns,
      from: "dead_letters", where: [], DeadLetter.init(row:))
  }

  /// Lets the feed's reader apply the event once more, apart from its place in the feed.
  ///
  /// - Parameter source: `order-service`, or `order` for short.
  /// - Throws: `NotFound`
  func retry(_ source: String, _ position: Int64) async throws -> DeadLetter {
    let letter = try await runner.first(
      """
      UPDATE dead_letters SET retry_at = coalesce(retry_at, now())
      WHERE source IN (\(source), \(source + "-service")) AND position = \(position)
      RETURNING \(Self.columns)
      """, DeadLetter.init(row:))
    guard let letter else { throw NotFound("dead letter") }
    return letter
  }
}

extension DeadLetter {
  init(row: inout Row) throws {
    source = try row.next()
    position = try row.next()
    event = try row.next()
    error = try row.next()
    at = try row.next()
    retryAt = try row.next()
  }
}

extension String: CursorPart {
  package init?(cursorText: String) { self = cursorText }
  package var cursorText: String { self }
}
