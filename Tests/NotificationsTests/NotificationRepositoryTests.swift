import Postgres
import SharedKernel
import Testing

@testable import Notifications

@Suite("Notices in the database", .timeLimit(.minutes(2)))
struct NotificationRepositoryTests {
  @Test("there is one notice for each event, type, channel and recipient")
  func once() async throws {
    let bench = try await NotificationsBench()
    let event = UUID128.v7()
    let user = UserID.new()
    for _ in 0..<3 {
      try await bench.insert(
        bench.notice(for: .user(user)), event: event, channels: [.log, .email])
    }
    #expect(try await bench.states() == ["queued": 2])
    try await bench.insert(bench.notice(for: .user(user)))
    try await bench.insert(bench.notice(for: .staff), event: event)
    try await bench.insert(bench.notice(for: .user(user), type: "order.shipped"), event: event)
    #expect(try await bench.states() == ["queued": 5])
  }

  @Test("a replayed notice is kept and not sent; one that was sent stays as it is")
  func replayed() async throws {
    let bench = try await NotificationsBench()
    let event = UUID128.v7()
    let notice = bench.notice(for: .user(.new()))
    try await bench.insert(notice, event: event)
    let sender = ScriptedSender { _ in .sent }
    let delivery = Delivery(queue: bench.queue, sender: sender)
    _ = try await delivery.deliverDue()
    try await bench.insert(notice, event: event, isReplay: true)
    try await bench.insert(notice, isReplay: true)
    #expect(try await delivery.deliverDue() == 0)
    #expect(try await bench.states() == ["sent": 1, "replayed": 1])
  }

  @Test(
    "what is not known here is an error, not something else",
    arguments: [
      (["fax", "staff", "sent"], "a notification is for the unknown channel fax"),
      (["log", "nobody", "sent"], "a notification is for an unknown kind of recipient"),
      (["log", "staff", "lost"], "a notification is in the unknown state lost"),
    ])
  func unknown(stored: [String], reason: String) async throws {
    let bench = try await NotificationsBench()
    await #expect {
      try await bench.database.first(
        """
        SELECT \(UUID128.v7()), \(UUID128.v7()), 't', \(stored[0]), \(stored[1]), '{}'::jsonb,
          \(stored[2]), 0, NULL::timestamptz, NULL::timestamptz, now(), 'en'
        """, Notification.init(row:))
    } throws: { error in
      error as? PostgresError == .invalid(reason)
    }
  }

  @Test("what is for a channel of a later version is left to that")
  func laterChannel() async throws {
    let bench = try await NotificationsBench()
    try await bench.insert(bench.notice(for: .user(.new())))
    try await bench.admin.execute(
      "ALTER TABLE notification.notifications DROP CONSTRAINT notifications_channel_check")
    try await bench.insert(bench.notice(for: .user(.new())))
    try await bench.admin.execute(
      """
      UPDATE notification.notifications SET channel = 'fax'
      WHERE id = (SELECT id FROM notification.notifications ORDER BY id LIMIT 1)
      """)
    let due = try await bench.queue.takeDue(limit: 10, lease: .seconds(60))
    #expect(due.map(\.channel) == [.log])
  }

  @Test("what a notice says and to whom comes back as it went in")
  func roundTrip() async throws {
    let bench = try await NotificationsBench()
    let params = ["number": "10001", "reason": "a \"quoted\" é 🐴\n", "total": "USD 1.0"]
    let recipients: [Recipient] = [.user(.new()), .order("\(UUID128.v7())"), .staff]
    for recipient in recipients {
      try await bench.insert(
        Notice(type: "order.cancelled", recipient: recipient, params: params))
    }
    let found = try await bench.repository.all(NotificationFilter(), try PageRequest()).elements
    #expect(Set(found.map(\.recipient)) == Set(recipients))
    #expect(found.allSatisfy { $0.params == params && $0.type == "order.cancelled" })
    #expect(found.allSatisfy { $0.state == .queued && $0.attempts == 0 && $0.sentAt == nil })
    #expect(Set(found.map(\.key)).count == 3)
  }
}
