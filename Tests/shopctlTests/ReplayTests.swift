import EventLoops
import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import shopctl

/// All feeds read anew by the running services, with a mail server and a merchant's server that
/// would notice.
@Suite(.serialized) struct ReplayTests {
  private static let restWithin: Duration = .seconds(120)

  private func waiting(_ admin: AdminSession) async throws -> Int {
    try await admin.snapshot {
      try await $0.value(
        """
        SELECT (SELECT count(*) FROM notification.notifications WHERE state = 'queued')
          + (SELECT count(*) FROM notification.webhook_deliveries WHERE state = 'queued')
        """, as: Int.self)
    } ?? 0
  }

  private func states(_ admin: AdminSession, _ table: SQL) async throws -> [String: Int] {
    let rows = try await admin.snapshot { transaction in
      try await transaction.query("SELECT state, count(*) FROM \(table) GROUP BY state") { row in
        (try row.next(as: String.self), try row.next(as: Int.self))
      }
    }
    return Dictionary(uniqueKeysWithValues: rows)
  }

  @Test("read again into emptied tables, the feeds give the same, and nobody is written to again")
  func replay() async throws {
    let mails = MailCatcher()
    let mailServer = try ScriptedServer { mails.serve($0) }
    defer { mailServer.close() }
    let posts = Mutex(0)
    let merchant = try ScriptedServer { connection in
      while connection.readRequest() != nil {
        posts.withLock { $0 += 1 }
        connection.write("HTTP/1.1 204 No Content\r\n\r\n")
      }
    }
    defer { merchant.close() }
    let running = try await RunningShop(
      settings: RunningShop.hasty.merging([
        "SMTP_URL": "smtp://\(mailServer.authority)", "WEBHOOK_PRIVATE": "on",
      ]) { $1 })
    defer { running.stop() }
    let admin = running.site.admin
    _ = try await AdminAPI(ports: running.ports).send(
      .post, "/webhook-endpoints", to: "notification",
      Array(
        """
        {"url":"http://\(merchant.authority)/hook","types":["order.confirmed","order.cancelled"]}
        """.utf8))
    let shopper = Shopper(
      shop: Storefront(ports: running.ports), patientUntil: .now + Self.restWithin)
    for (index, card) in ["tok_ok", "tok_insufficient_funds", "tok_ok"].enumerated() {
      _ = await shopper.visit(
        Purchase(
          index: index, due: .zero, items: [.init(productID: index + 1, quantity: 1)],
          paymentToken: card, isRegretted: index == 2))
    }
    // It moves while it is bought from; what waits to be sent would be forgotten.
    try #require(await AtRest(admin: admin).wait(atMost: Self.restWithin) == [])
    let deadline = ContinuousClock.now + Self.restWithin
    while try await waiting(admin) > 0, ContinuousClock.now < deadline {
      await pause(.milliseconds(100))
    }
    try #require(await AtRest(admin: admin).wait(atMost: Self.restWithin) == [])
    let mailsBefore = mails.count
    let postsBefore = posts.withLock { $0 }
    #expect(mailsBefore >= 4, "receipts and cancellations, by mail")
    #expect(postsBefore >= 3)
    try await admin.run(["UPDATE notification.notifications SET read_at = '2026-01-01'"])

    let report = try await Replay(admin: admin).run(within: Self.restWithin)
    #expect(report.isEqual, "\(report.text)")
    #expect(
      report.results.map(\.name) == [
        "notices", "webhook deliveries", "orders' figures of payments", "deleted accounts",
      ])
    #expect(report.results.prefix(3).allSatisfy { $0.rows >= 3 }, "\(report.text)")
    print(report.text)
    #expect(try await waiting(admin) == 0)
    #expect(mails.count == mailsBefore)
    #expect(posts.withLock { $0 } == postsBefore)
    #expect(try await states(admin, "notification.notifications").keys.sorted() == ["replayed"])
    #expect(
      try await states(admin, "notification.webhook_deliveries").keys.sorted() == ["replayed"])
    let unread: Int? = try await admin.snapshot {
      try await $0.value("SELECT count(*) FROM notification.notifications WHERE read_at IS NULL")
    }
    #expect(unread == 0)
    let found = try await admin.snapshot {
      try await Verification(Check.all, in: $0, shownMax: 5)
    }
    #expect(found.holds, "\(found.text)")
    try await differences(admin)
  }

  /// What no event tells of is missed after a replay, which leaves what there was to be looked at.
  private func differences(_ admin: AdminSession) async throws {
    let bogus: SQL = """
      INSERT INTO notification.notifications
      SELECT (jsonb_populate_record(n, jsonb_build_object('id', gen_random_uuid(),
        'event_id', gen_random_uuid(), 'state', 'queued', 'next_run_at', '2100-01-01'))).*
      FROM notification.notifications n WHERE channel = 'log' LIMIT 1
      """
    try await admin.run(["UPDATE notification.notifications SET state = 'sent'", bogus])
    await #expect(throws: Trouble.self) {
      try await Replay(admin: admin).run(within: Self.restWithin)
    }
    try await admin.run(["UPDATE notification.notifications SET state = 'sent'"])
    let report = try await Replay(admin: admin).run(within: Self.restWithin)
    #expect(!report.isEqual)
    #expect(report.results.first?.missing == 1)
    #expect(report.text.contains("1 missing, 0 added"))
    let trouble = await #expect(throws: Trouble.self) {
      try await Replay(admin: admin).run(within: Self.restWithin)
    }
    #expect(trouble?.cause.contains("earlier replay") == true)
  }
}
