import Postgres

/// Carries the news that the feed has moved from one process of a service to the others, by NOTIFY. A hint, as
/// `FeedSignal` is: readers also look by themselves after a while.
struct FeedBell: Sendable {
  /// News that come closer together are told once: each NOTIFY wakes a server process for everybody who
  /// listens in the database.
  static let interval: Duration = .milliseconds(100)

  /// The short name of the service whose feed it is: `order`.
  let source: String
  let database: Database
  let signal: FeedSignal

  private var channel: String { "feed_\(source)" }

  /// To be called after the events are committed with their positions; not in that transaction, since those
  /// that notify are committed one after another, those of other services included.
  func ring() async throws {
    try await database.notify(channel)
  }

  /// Passes on what other processes tell (and this one's own ring) to those who wait in this one.
  func listen() async {
    for await _ in database.listen(to: channel) { signal.raise(.numbered) }
  }
}
