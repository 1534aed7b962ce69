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
    let delivery = Delivery(queue: bench.repository, sender: sender)
    _ = try await delivery.deliverBatch()
    try await bench.insert(notice, event: event, isReplay: true)
    try await bench.insert(notice, isReplay: true)
    #expect(try await delivery.deliverBatch() == 0)
    #expect(try await bench.states() == ["sent": 1, "replayed": 1])
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
    let found = try await bench.repository.all(NotificationFilter(), try PageRequest())
    #expect(Set(found.map(\.recipient)) == Set(recipients))
    #expect(found.allSatisfy { $0.params == params && $0.type == "order.cancelled" })
    #expect(found.allSatisfy { $0.state == .queued && $0.attempts == 0 && $0.sentAt == nil })
    #expect(Set(found.map(\.key)).count == 3)
  }
}
