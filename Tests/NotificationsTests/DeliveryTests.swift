import SharedKernel
import Synchronization
import Testing

@testable import Notifications

@Suite("Delivery", .timeLimit(.minutes(2)))
struct DeliveryTests {
  struct Broken: Error, CustomStringConvertible {
    let description = "the mail server is away"
  }

  @Test("a try is followed by another after 5 s, 30 s, 2 min, 10 min, 1 h, 6 h, 24 h; then by none")
  func schedule() {
    let waits = (1...7).map { RetrySchedule.wait(afterAttempts: $0) }
    #expect(waits == [5, 30, 120, 600, 3600, 21_600, 86_400].map { .seconds($0) })
    for attempts in [-1, 0, 8, 9, .max] {
      #expect(RetrySchedule.wait(afterAttempts: attempts) == nil)
    }
  }

  @Test("what is queued is sent once")
  func sendsOnce() async throws {
    let bench = try await NotificationsBench()
    for _ in 0..<20 { try await bench.insert(bench.notice(for: .user(.new()))) }
    let sender = ScriptedSender { _ in .sent }
    let delivery = Delivery(queue: bench.queue, sender: sender)
    #expect(try await delivery.deliverDue() == 20)
    #expect(try await delivery.deliverDue() == 0)
    #expect(Set(sender.sent).count == 20)
    #expect(sender.sent.count == 20)
    #expect(try await bench.states() == ["sent": 20])
  }

  @Test("two instances share what is queued")
  func instances() async throws {
    let bench = try await NotificationsBench()
    for _ in 0..<30 { try await bench.insert(bench.notice(for: .user(.new()))) }
    let sender = ScriptedSender { _ in .sent }
    let delivery = Delivery(queue: bench.queue, sender: sender)
    async let left = delivery.deliverDue()
    async let right = delivery.deliverDue()
    #expect(try await left + right == 30)
    #expect(Set(sender.sent).count == 30)
    #expect(sender.sent.count == 30)
  }

  @Test("one that fails is tried eight times by the schedule, then has failed for good")
  func failing() async throws {
    let bench = try await NotificationsBench()
    try await bench.insert(bench.notice(for: .user(.new())))
    let sender = ScriptedSender { _ in throw Broken() }
    let delivery = Delivery(queue: bench.queue, sender: sender)
    for wait in [5, 30, 120, 600, 3600, 21_600, 86_400] {
      #expect(try await delivery.deliverDue() == 1)
      #expect(try await delivery.deliverDue() == 0)
      let left = try #require(try await bench.secondsToNextRun())
      #expect((wait - 30...wait).contains(left))
      try await bench.makeDue()
    }
    #expect(try await bench.states() == ["queued": 1])
    #expect(try await delivery.deliverDue() == 1)
    #expect(try await bench.states() == ["failed": 1])
    try await bench.makeDue()
    #expect(try await delivery.deliverDue() == 0)
    #expect(sender.sent.count == 8)
    #expect(try await bench.errors() == ["the mail server is away"])
  }

  @Test("one that fails does not hold up the others")
  func othersGoOn() async throws {
    let bench = try await NotificationsBench()
    let unlucky = UserID.new()
    try await bench.insert(bench.notice(for: .user(unlucky)))
    for _ in 0..<5 { try await bench.insert(bench.notice(for: .user(.new()))) }
    let sender = ScriptedSender { notification in
      if notification.recipient == .user(unlucky) { throw Broken() }
      return .sent
    }
    #expect(try await Delivery(queue: bench.queue, sender: sender).deliverDue() == 6)
    #expect(try await bench.states() == ["sent": 5, "queued": 1])
  }

  @Test("a slow one holds up neither what is due nor what falls due meanwhile")
  func slowOne() async throws {
    let bench = try await NotificationsBench()
    let slow = UserID.new()
    try await bench.insert(bench.notice(for: .user(slow)))
    for _ in 0..<40 { try await bench.insert(bench.notice(for: .user(.new()))) }
    let (othersSent, tellOthersSent) = AsyncStream.makeStream(of: Void.self)
    let sent = Mutex(0)
    let sender = ScriptedSender { notification in
      if notification.recipient == .user(slow) {
        try await bench.insert(bench.notice(for: .user(.new())))
        for await _ in othersSent {}
        return .sent
      }
      let count = sent.withLock { count in
        count += 1
        return count
      }
      if count == 41 { tellOthersSent.finish() }
      return .sent
    }
    #expect(try await Delivery(queue: bench.queue, sender: sender).deliverDue() == 42)
    #expect(try await bench.states() == ["sent": 42])
  }

  @Test("no more are sent at once than may be")
  func atOnce() async throws {
    let bench = try await NotificationsBench()
    for _ in 0..<40 { try await bench.insert(bench.notice(for: .user(.new()))) }
    let sending = Mutex((now: 0, most: 0))
    let sender = ScriptedSender { _ in
      sending.withLock {
        $0.now += 1
        $0.most = max($0.most, $0.now)
      }
      await Task.yield()
      sending.withLock { $0.now -= 1 }
      return .sent
    }
    #expect(try await Delivery(queue: bench.queue, sender: sender).deliverDue() == 40)
    #expect(sending.withLock { $0.most } <= Delivery.sendingMax)
  }

  @Test("what no further try can help is given up at once, what has no address is skipped")
  func finalOutcomes() async throws {
    let bench = try await NotificationsBench()
    try await bench.insert(bench.notice(for: .user(.new())))
    try await bench.insert(bench.notice(for: .order(UUID128.v7().description)))
    let sender = ScriptedSender { notification in
      if notification.recipient.userID != nil { throw Undeliverable(reason: "no such mailbox") }
      return .skipped("no address")
    }
    #expect(try await Delivery(queue: bench.queue, sender: sender).deliverDue() == 2)
    #expect(try await bench.states() == ["failed": 1, "skipped": 1])
  }

  @Test("an instance that wakes up after its lease does not overwrite its successor's outcome")
  func fencing() async throws {
    let bench = try await NotificationsBench()
    try await bench.insert(bench.notice(for: .user(.new())))
    let slow = try #require(
      try await bench.queue.takeDue(limit: 1, lease: .seconds(60)).first)
    #expect(try await bench.queue.takeDue(limit: 1, lease: .seconds(60)).isEmpty)
    try await bench.makeDue()
    let next = try #require(
      try await bench.queue.takeDue(limit: 1, lease: .seconds(60)).first)
    #expect(next.attempts == 2)
    try await bench.queue.settle(slow, .failed("too late", retryAfter: nil))
    #expect(try await bench.states() == ["queued": 1])
    try await bench.queue.settle(next, .sent)
    try await bench.queue.settle(slow, .failed("far too late", retryAfter: nil))
    #expect(try await bench.states() == ["sent": 1])
  }

  @Test("a try that is cancelled is given back at once, to whoever delivers next")
  func cancelled() async throws {
    let bench = try await NotificationsBench()
    try await bench.insert(bench.notice(for: .user(.new())))
    let sender = ScriptedSender { _ in throw CancellationError() }
    await #expect(throws: CancellationError.self) {
      try await Delivery(queue: bench.queue, sender: sender).deliverDue()
    }
    #expect(try await bench.states() == ["queued": 1])
    let next = Delivery(queue: bench.queue, sender: ScriptedSender { _ in .sent })
    #expect(try await next.deliverDue() == 1)
    #expect(try await bench.states() == ["sent": 1])
  }

  /// Loses what came of the first try.
  private final class ForgetfulQueue: DeliveryQueue {
    struct Lost: Error {}

    private let queue: any DeliveryQueue
    private let losses = Mutex(1)

    init(_ queue: any DeliveryQueue) {
      self.queue = queue
    }

    func takeDue(limit: Int, lease: Duration) async throws -> [Notification] {
      try await queue.takeDue(limit: limit, lease: lease)
    }

    func settle(_ notification: Notification, _ outcome: DeliveryOutcome) async throws {
      let isLost = losses.withLock { left in
        left -= 1
        return left >= 0
      }
      if isLost { throw Lost() }
      try await queue.settle(notification, outcome)
    }

    func giveBack(_ notification: Notification) async throws {
      try await queue.giveBack(notification)
    }
  }

  @Test("a try whose outcome cannot be written down holds up no other, and is made again")
  func unsettled() async throws {
    let bench = try await NotificationsBench()
    for _ in 0..<5 { try await bench.insert(bench.notice(for: .user(.new()))) }
    let told = Mutex(0)
    let delivery = Delivery(
      queue: ForgetfulQueue(bench.queue), sender: ScriptedSender { _ in .sent },
      failed: { _ in told.withLock { $0 += 1 } })
    #expect(try await delivery.deliverDue() == 5)
    #expect(told.withLock { $0 } == 1)
    #expect(try await bench.states() == ["sent": 4, "queued": 1])
    try await bench.makeDue()
    #expect(try await delivery.deliverDue() == 1)
    #expect(try await bench.states() == ["sent": 5])
  }
}

/// Does what a test says, and remembers for what it was asked.
final class ScriptedSender: NoticeSender {
  private let script: @Sendable (Notification) async throws -> DeliveryOutcome
  private let asked = Mutex<[String]>([])

  init(_ script: @escaping @Sendable (Notification) async throws -> DeliveryOutcome) {
    self.script = script
  }

  /// The keys of what was to be sent, in order.
  var sent: [String] { asked.withLock { $0 } }

  func send(_ notification: Notification) async throws -> DeliveryOutcome {
    asked.withLock { $0.append(notification.key) }
    return try await script(notification)
  }
}
