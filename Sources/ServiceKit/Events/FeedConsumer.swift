import HTTPMessages
import JSONSyntax
package import Logging
package import Postgres
package import SharedKernel

/// An event of another service, as its feed tells it.
package struct FeedEvent: Sendable {
  /// The event's own: the same each time it is told.
  package let id: UUID128
  /// Short: `order.confirmed`.
  package let type: String
  /// The aggregate's id.
  package let subject: String
  /// In its feed: 1 and up, without a gap.
  package let position: Int64
  /// The aggregate's, after the change; 0 where the feed told none.
  package let version: Int64
  /// When the change's transaction began.
  package let time: Timestamp
  /// Of the work that made the change; nil where that had no trace.
  package let traceparent: String?
  /// Whether this consumer was this far before: its offset was set back.
  package let isReplay: Bool
  /// As the feed told it: a CloudEvents object.
  var envelope: JSONValue = .null
  let payload: JSONValue

  /// The whole event as JSON, in the form of CloudEvents 1.0.
  package var json: [UInt8] {
    get throws { try JSONEncoding.encode(envelope) }
  }

  /// The event's data, of which a consumer declares only what it reads.
  package func data<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
    try JSONDecoding.decode(type, from: payload, allowingUnknown: true)
  }
}

/// Reads another service's feed and commits each effect together with the new offset, in one
/// transaction: what was applied is never applied again, what was not is never skipped, and replay
/// is setting the offset back.
package struct FeedConsumer: Sendable {
  /// The effect of one event, in the transaction that moves the offset. What it throws undoes both,
  /// and counts as a failure of the event unless the database was at fault.
  package typealias Apply = @Sendable (FeedEvent, Transaction) async throws -> Void

  static let batchMax = 100
  /// How long the feed may hold a poll that has nothing to answer.
  static let wait: Duration = .seconds(10)
  static let lease: Duration = .seconds(30)
  /// After so many failures an event is put aside, so that one bad event does not stop the feed.
  static let failuresMax = 10
  /// Characters of an error that are kept with it.
  private static let errorMax = 1000

  let source: String
  let types: [String]
  let upstream: any Upstream
  let database: Database
  let logger: Logger
  let lags: ConsumerLags
  let holder: LeaseHolder
  let apply: Apply

  /// - Parameters:
  ///   - source: the service whose feed is read: `order-service`.
  ///   - types: the short types wanted.
  ///   - holder: who reads. A process that read here before does so no more.
  ///   - apply: the effect; no remote calls, since it runs inside the transaction.
  package init(
    source: String, types: [String], upstream: any Upstream, database: Database, logger: Logger,
    lags: ConsumerLags = ConsumerLags(), holder: LeaseHolder = LeaseHolder(),
    apply: @escaping Apply
  ) {
    self.source = source
    self.types = types
    self.upstream = upstream
    self.database = database
    self.logger = logger
    self.lags = lags
    self.holder = holder
    self.apply = apply
  }

  /// Reads the feed whenever it has the source's lease; another replica's waits for it.
  package var worker: Worker {
    Worker("feed-\(source)") { try await run() }
  }

  private func run() async throws {
    while !Task.isCancelled {
      guard var place = try await takeLease() else {
        try await Task.sleep(for: .seconds(2))  // another replica reads this feed
        continue
      }
      do {
        while !Task.isCancelled {
          try await retryParked(place)
          guard try await advance(&place) else { break }
        }
      } catch {
        lags.note(nil, of: source)
        await giveBackLease(place)
        throw error
      }
      lags.note(nil, of: source)
      await giveBackLease(place)
    }
  }

  /// Where this consumer stands, and the epoch that lets only the latest holder of the lease write.
  struct Place {
    var position: Int64
    /// The furthest that this consumer had come before it took the lease.
    let highPosition: Int64
    let epoch: Int64
  }

  /// One that this process holds itself is left over from a try that failed, together with the
  /// connection that would have given it back: it has one reader of a source.
  func takeLease() async throws -> Place? {
    _ = try await database.execute(
      "INSERT INTO consumer_offsets (source) VALUES (\(source)) ON CONFLICT DO NOTHING")
    return try await database.transaction { transaction in
      try await transaction.first(
        """
        UPDATE consumer_offsets
        SET epoch = epoch + 1, holder = \(holder.name), types = \(types),
          lease_until = now() + make_interval(secs => \(Double(Self.lease.components.seconds)))
        WHERE source = \(source)
          AND (lease_until <= now() OR holder = \(holder.name) OR \(holder.isPredecessor))
        RETURNING position, high_position, epoch
        """
      ) { row in
        Place(
          position: try row.next(), highPosition: try row.next(), epoch: try row.next())
      }
    }
  }

  /// So that the next try, or the next process, need not wait for the lease to run out. In a task of
  /// its own, since the consumer's may be cancelled; if this fails, the lease runs out.
  func giveBackLease(_ place: Place) async {
    let database = database
    let source = source
    await Task {
      _ = try? await database.execute(
        """
        UPDATE consumer_offsets SET lease_until = now()
        WHERE source = \(source) AND epoch = \(place.epoch)
        """)
    }.value
  }

  /// One poll and its effects.
  ///
  /// - Returns: false when the lease was lost or the offset was moved.
  func advance(_ place: inout Place) async throws -> Bool {
    let list = types.joined(separator: ",")
    let reply = try await upstream.call(
      .get,
      "/internal/events?after=\(place.position)&limit=\(Self.batchMax)&types=\(list)"
        + "&wait=\(Self.wait.components.seconds)",
      options: .longPoll(Self.wait))
    guard reply.status == .ok,
      let next = reply.fields[EventFeed.nextPosition].flatMap({ Int64($0) })
    else {
      throw Problem(.dependencyUnavailable, "\(source)'s feed answered \(reply.status.code).")
    }
    if let head = reply.fields[EventFeed.headPosition].flatMap({ Int64($0) }) {
      lags.note(max(0, head - next), of: source)
    }
    let events = try Self.events(in: reply.body, seenUpTo: place.highPosition)
    if events.isEmpty, next == place.position { return try await renewLease(place) }
    do {
      let from = place.position
      guard
        try await commit(
          place, to: next,
          { transaction in
            for event in events where event.position > from { try await apply(event, transaction) }
          })
      else { return false }
      place.position = next
      return true
    } catch let error as PostgresError where error.isUnavailability || error.isRetryable {
      throw error
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      logger.warning(
        "a batch of events failed; going on one by one",
        metadata: ["source": "\(source)", "error": "\(error)"])
      return try await advanceSingly(&place, events, to: next)
    }
  }

  private func advanceSingly(
    _ place: inout Place, _ events: [FeedEvent], to next: Int64
  ) async throws -> Bool {
    for event in events where event.position > place.position {
      do {
        guard
          try await commit(place, to: event.position, { try await apply(event, $0) })
        else { return false }
      } catch let error as PostgresError where error.isUnavailability || error.isRetryable {
        throw error
      } catch is CancellationError {
        throw CancellationError()
      } catch {
        guard try await noteFailure(of: event, error, place) else { throw error }
      }
      place.position = event.position
    }
    guard try await commit(place, to: next, { _ in }) else { return false }
    place.position = next
    return true
  }

  /// Another consumer has the place, or somebody moved it.
  private struct LeaseLost: Error {}

  /// Runs `effect` and moves the offset, together.
  private func commit(
    _ place: Place, to next: Int64, _ effect: (Transaction) async throws -> Void
  ) async throws -> Bool {
    do {
      try await database.transaction { transaction in
        try await effect(transaction)
        let moved = try await transaction.execute(
          """
          UPDATE consumer_offsets
          SET position = \(next), high_position = greatest(high_position, \(next)), failures = 0,
            lease_until = now() + make_interval(secs => \(Double(Self.lease.components.seconds)))
          WHERE source = \(source) AND position = \(place.position) AND epoch = \(place.epoch)
          """)
        if moved != 1 { throw LeaseLost() }
      }
      return true
    } catch is LeaseLost {
      return false
    }
  }

  private func renewLease(_ place: Place) async throws -> Bool {
    try await database.execute(
      """
      UPDATE consumer_offsets
      SET lease_until = now() + make_interval(secs => \(Double(Self.lease.components.seconds)))
      WHERE source = \(source) AND position = \(place.position) AND epoch = \(place.epoch)
      """) == 1
  }

  /// Counts a failure of the event in hand; parks it once it has failed often enough.
  ///
  /// - Returns: true when the event was parked and the consumer may go on behind it.
  private func noteFailure(
    of event: FeedEvent, _ error: any Error, _ place: Place
  ) async throws -> Bool {
    let failures = try await database.transaction { transaction in
      try await transaction.first(
        """
        UPDATE consumer_offsets SET failures = failures + 1
        WHERE source = \(source) AND epoch = \(place.epoch) RETURNING failures
        """
      ) { try $0.next(as: Int32.self) }
    }
    guard let failures, failures >= Self.failuresMax else { return false }
    logger.error(
      "an event is parked",
      metadata: ["source": "\(source)", "position": "\(event.position)", "error": "\(error)"])
    let json = JSONText(try event.json)
    return try await commit(place, to: event.position) { transaction in
      try await transaction.send(
        """
        INSERT INTO dead_letters (source, position, event, error, is_replay)
        VALUES (\(source), \(event.position), \(json), \(String("\(error)".prefix(Self.errorMax))),
          \(event.isReplay))
        ON CONFLICT DO NOTHING
        """)
    }
  }

  /// Applies the parked events that somebody asked for once more, each with its letter's end. What
  /// fails stays parked.
  func retryParked(_ place: Place) async throws {
    let letters = try await database.query(
      """
      SELECT position, event, is_replay FROM dead_letters
      WHERE source = \(source) AND retry_at IS NOT NULL ORDER BY position LIMIT \(Self.batchMax)
      """
    ) { row in
      (
        position: try row.next(as: Int64.self), event: try row.next(as: JSONText.self),
        isReplay: try row.next(as: Bool.self)
      )
    }
    for letter in letters {
      do {
        let envelope = try JSONParser.parse(Array(letter.event.text.utf8))
        let event = try FeedEvent(envelope, seenUpTo: letter.position - (letter.isReplay ? 0 : 1))
        try await apply(event, parkedFor: place)
      } catch let error as PostgresError where error.isUnavailability || error.isRetryable {
        throw error
      } catch is CancellationError {
        throw CancellationError()
      } catch is LeaseLost {
        return
      } catch {
        logger.warning(
          "a parked event failed again",
          metadata: [
            "source": "\(source)", "position": "\(letter.position)", "error": "\(error)",
          ])
        try await database.execute(
          """
          UPDATE dead_letters
          SET retry_at = NULL, error = \(String("\(error)".prefix(Self.errorMax))), at = now()
          WHERE source = \(source) AND position = \(letter.position)
          """)
      }
    }
  }

  private func apply(_ event: FeedEvent, parkedFor place: Place) async throws {
    try await database.transaction { transaction in
      // First, so that of two that were told to retry it one does nothing.
      let isOurs = try await transaction.first(
        """
        SELECT 1 FROM consumer_offsets WHERE source = \(source) AND epoch = \(place.epoch)
        FOR UPDATE
        """
      ) { try $0.next(as: Int32.self) }
      guard isOurs != nil else { throw LeaseLost() }
      try await apply(event, transaction)
      try await transaction.send(
        "DELETE FROM dead_letters WHERE source = \(source) AND position = \(event.position)")
    }
  }

  private static func events(
    in body: [UInt8], seenUpTo highPosition: Int64
  ) throws -> [FeedEvent] {
    guard case .array(let elements) = try JSONParser.parse(body) else {
      throw Problem(.dependencyUnavailable, "The feed's answer is no array.")
    }
    return try elements.map { try FeedEvent($0, seenUpTo: highPosition) }
  }
}

extension FeedEvent {
  /// - Throws: `Problem` for what is no event of a feed of ours.
  fileprivate init(_ element: JSONValue, seenUpTo highPosition: Int64) throws {
    guard let id = element["id"]?.textValue.flatMap({ UUID128($0) }),
      let type = element["type"]?.textValue, let subject = element["subject"]?.textValue,
      let position = element["sequence"]?.textValue.flatMap({ Int64($0) }),
      let time = element["time"]?.textValue.flatMap({ Timestamp($0) }),
      let data = element["data"]
    else {
      throw Problem(.dependencyUnavailable, "The feed's answer holds an event without its parts.")
    }
    let version: Int64 =
      if case .number(let text) = element["version"] { Int64(text) ?? 0 } else { 0 }
    self.init(
      id: id, type: Self.shortType(type), subject: subject, position: position, version: version,
      time: time, traceparent: element["traceparent"]?.textValue,
      isReplay: position <= highPosition, envelope: element, payload: data)
  }

  /// `shop.order.confirmed.v1` is `order.confirmed`.
  private static func shortType(_ type: String) -> String {
    var parts = type.split(separator: ".")
    if parts.first == "shop" { parts.removeFirst() }
    if parts.last?.hasPrefix("v") == true { parts.removeLast() }
    return parts.joined(separator: ".")
  }
}
