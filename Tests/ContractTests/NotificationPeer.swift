import CoreHTTP
import Logging
import Postgres
import Synchronization
import Testing

@testable import Notifications
@testable import ServiceKit

/// The notification service's readers over other services' own feeds.
struct NotificationPeer {
  /// What people are told.
  struct Told: Equatable {
    let type: String
    let params: [String: String]
  }

  private let database: Database

  init(in shop: ShopDatabase) async throws {
    let url = try await shop.addSchema("notification", role: "notification_app")
    try await Migrator.run(
      commonMigrations(appRole: "notification_app") + notificationMigrations,
      schema: "notification", on: shop.url)
    database = try ShopDatabase.open(url)
  }

  /// Reads all that `service` has told so far, through its feed's own route.
  ///
  /// - Parameters:
  ///   - service: short: `order`.
  ///   - source: its database.
  /// - Returns: the notices that come of it, by their types.
  func notices(of service: String, in source: Database) async throws -> [Told] {
    let signal = FeedSignal()
    _ = try await Sequencer(
      database: source, signal: signal,
      bell: FeedBell(source: service, database: source, signal: signal)
    ).number()
    let feed = EventFeed(source: service, database: source, signal: signal)
    var routes = Routes(
      kit: RouterUpstream.kit(
        source, secrets: try ServiceSecrets(key: [UInt8](repeating: 5, count: 32))))
    routes.get("/internal/events", access: .services(["notification-service"])) {
      try await feed.answer($0)
    }
    let name = "\(service)-service"
    let upstream = RouterUpstream(
      name: name, router: routes.router, caller: "notification-service")
    let found = Mutex<FeedConsumer?>(nil)
    let database = database
    _ =
      NoticeConsumers(channels: [.log], outbox: Outbox(signal: FeedSignal())) {
        source, types, apply in
        let consumer = FeedConsumer(
          source: source, types: types, upstream: upstream, database: database,
          logger: Logger(label: "test"), apply: apply)
        if source == name { found.withLock { $0 = consumer } }
        return consumer.worker
      }.workers
    let consumer = try #require(found.withLock { $0 })
    var place = try #require(try await consumer.takeLease())
    #expect(try await consumer.advance(&place))
    await consumer.giveBackLease(place)
    return try await database.query(
      "SELECT type, params FROM notifications ORDER BY type"
    ) { row in
      Told(
        type: try row.next(),
        params: try JSONDecoding.decode(from: Array(row.next(as: JSONText.self).text.utf8)))
    }
  }
}
