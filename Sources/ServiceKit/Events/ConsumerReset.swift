import Postgres
import SharedKernel

/// Sets a consumer's offset back (or up to where it was before), so that it reads a feed's events anew.
struct ConsumerReset: Decodable, Sendable {
  /// The next event read is the one behind it.
  let position: Int64

  /// What the consumer will do.
  struct Place: Encodable, Sendable {
    let source: String
    let position: Int64
    /// Events up to here are replayed: they change what is kept, but tell nobody again.
    let highPosition: Int64
  }

  /// Takes the place from whoever holds the lease: the new epoch lets its next commit fail.
  ///
  /// - Parameter source: `order-service`, or `order` for short.
  /// - Throws: `NotFound` for a feed that this service does not read; `ValidationFailure` for a position
  ///   that it has not come to yet, since what lies between would never be applied.
  func apply(to source: String, in transaction: Transaction) async throws -> Place {
    let place = try await transaction.first(
      """
      SELECT source, high_position FROM consumer_offsets
      WHERE source = \(source) OR source = \(source + "-service") FOR UPDATE
      """
    ) { row in (source: try row.next(as: String.self), high: try row.next(as: Int64.self)) }
    guard let place else { throw NotFound("consumer") }
    guard (0...place.high).contains(position) else {
      throw ValidationFailure("position", "out_of_range", "must be 0 to \(place.high)")
    }
    try await transaction.execute(
      """
      UPDATE consumer_offsets
      SET position = \(position), failures = 0, epoch = epoch + 1, lease_until = now()
      WHERE source = \(place.source)
      """)
    return Place(source: place.source, position: position, highPosition: place.high)
  }
}
