import SharedKernel
import Synchronization
import Testing

@testable import Users

@Suite("Limits on attempts")
struct AttemptsTests {
  private func miss(
    _ limits: AttemptLimits, _ account: String, from address: String
  ) async throws {
    await #expect(throws: UserError.invalidCredentials) {
      try await limits.trying(account, from: address) { false }
    }
  }

  private func refused(
    _ limits: AttemptLimits, _ account: String, from address: String
  ) async {
    await #expect(throws: UserError.tooManyAttempts) {
      try await limits.trying(account, from: address) {
        Issue.record("the password was looked at")
        return true
      }
    }
  }

  @Test("the tenth wrong password from one place is the last one looked at there")
  func perPlace() async throws {
    let limits = AttemptLimits(store: CountedAttempts())
    for _ in 0..<10 { try await miss(limits, "ada@example.org", from: "10.0.0.1") }
    await refused(limits, "ada@example.org", from: "10.0.0.200")
    // The owner elsewhere, and others here, are not shut out.
    try await limits.trying("ada@example.org", from: "10.0.1.1") { true }
    try await limits.trying("bob@example.org", from: "10.0.0.1") { true }
  }

  @Test("right passwords are no attempts, and neither are those that were not looked at")
  func withdrawn() async throws {
    struct Busy: Error {}
    let limits = AttemptLimits(store: CountedAttempts())
    for _ in 0..<30 {
      try await limits.trying("ada@example.org", from: "10.0.0.1") { true }
      await #expect(throws: Busy.self) {
        try await limits.trying("ada@example.org", from: "10.0.0.1") { throw Busy() }
      }
    }
  }

  @Test("of many right passwords at once all are let in: some wait for the others")
  func manyAtOnce() async throws {
    let limits = AttemptLimits(store: CountedAttempts())
    let looking = Looking()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<40 {
        group.addTask {
          try await limits.trying("ada@example.org", from: "10.0.0.1") {
            looking.begin()
            try await Task.sleep(for: .milliseconds(1))
            looking.end()
            return true
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(looking.most <= AttemptLimits.perAccountAndPrefixMax)
  }

  @Test("a hundred wrong passwords from everywhere close an account to all, and its owner is told")
  func perAccount() async throws {
    let told = Mutex<[String]>([])
    let limits = AttemptLimits(
      store: CountedAttempts(), refused: { account in told.withLock { $0.append(account) } })
    for place in 0..<100 { try await miss(limits, "ada@example.org", from: "10.0.\(place).1") }
    #expect(told.withLock { $0 } == [])
    await refused(limits, "ada@example.org", from: "192.0.2.1")
    #expect(told.withLock { $0 } == ["ada@example.org"])
  }

  @Test("one place that tries 300 accounts is shut out of all of them, and of registering")
  func perPrefix() async throws {
    let limits = AttemptLimits(store: CountedAttempts())
    for account in 0..<300 {
      try await miss(limits, "\(account)@example.org", from: "10.0.0.1")
    }
    await refused(limits, "ada@example.org", from: "10.0.0.1")
    await #expect(throws: UserError.tooManyAttempts) {
      try await limits.admitRegistration(from: "10.0.0.1")
    }
    try await limits.admitRegistration(from: "10.9.0.1")
  }

  @Test("registrations count among themselves, and shut nobody out who signs in")
  func registrations() async throws {
    let limits = AttemptLimits(store: CountedAttempts())
    for _ in 0..<300 { try await limits.admitRegistration(from: "2001:db8:1::1") }
    await #expect(throws: UserError.tooManyAttempts) {
      try await limits.admitRegistration(from: "2001:db8:1:2::9")
    }
    try await limits.trying("ada@example.org", from: "2001:db8:1::1") { true }
  }

  @Test("ten mails to one account may be asked for, from wherever")
  func mails() async throws {
    let limits = AttemptLimits(store: CountedAttempts())
    for place in 0..<10 {
      try await limits.admitMail(to: "ada@example.org", from: "10.0.\(place).1")
    }
    await #expect(throws: UserError.tooManyAttempts) {
      try await limits.admitMail(to: "ada@example.org", from: "192.0.2.1")
    }
    try await limits.admitMail(to: "bob@example.org", from: "10.0.0.1")
    try await limits.trying("ada@example.org", from: "10.0.0.1") { true }
  }

  @Test(
    "addresses are taken together as one customer has them",
    arguments: [
      ("203.0.113.7", "203.0.113"), ("2001:db8:1:2:3::4", "2001:db8:1"), ("::1", "::1"),
    ])
  func prefixes(address: String, prefix: String) {
    #expect(AttemptLimits.prefix(of: address) == prefix)
  }

  @Test("no address is a place of its own")
  func noAddress() {
    #expect(AttemptLimits.prefix(of: nil) == "unknown")
  }
}

/// Counts how many passwords are looked at at once.
private final class Looking: Sendable {
  private let counts = Mutex((now: 0, most: 0))

  var most: Int { counts.withLock { $0.most } }

  func begin() {
    counts.withLock {
      $0.now += 1
      $0.most = max($0.most, $0.now)
    }
  }

  func end() { counts.withLock { $0.now -= 1 } }
}
