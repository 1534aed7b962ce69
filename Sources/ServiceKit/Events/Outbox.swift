package import Postgres
import SharedKernel
import Synchronization

/// An event as an aggregate's change writes it.
package struct EventDraft: Sendable {
  /// `order.confirmed`; published as `shop.order.confirmed.v1`.
  package let type: String
  /// The aggregate's id.
  package let subject: String
  /// The aggregate's version after the change.
  package let version: Int
  let data: [UInt8]

  /// - Parameter data: ids, amounts and states; no card token, password or action token.
  package init(type: String, subject: String, version: Int, data: some Encodable) throws {
    self.type = type
    self.subject = subject
    self.version = version
    self.data = try JSONEncoding.encode(data)
  }
}

/// The transactional outbox: an event is inserted in the transaction of the change it tells of, so
/// both are there or neither is. (Richardson, "Microservices Patterns", section 3.3.)
package struct Outbox: Sendable {
  /// Wakes the sequencer of this process.
  let signal: FeedSignal

  package init(signal: FeedSignal) {
    self.signal = signal
  }

  /// Inserts `event`. To be called after the aggregate's row is locked, so that events of one
  /// aggregate are numbered in the order of its versions.
  package func append(_ event: EventDraft, in transaction: any SQLRunner) async throws {
    try await transaction.send(
      """
      INSERT INTO outbox (event_id, type, subject, version, data, traceparent)
      VALUES (\(UUID128.v7()), \(event.type), \(event.subject), \(Int64(event.version)),
        \(JSONText(event.data)), \(RequestScope.current?.trace.traceparent))
      """)
    // The row becomes visible at commit, some microseconds from now; the sequencer polls as well.
    signal.raise(.unnumbered)
  }
}
