import SharedKernel
import Testing

@testable import Users

@Suite("Limits on attempts")
struct AttemptsTests {
  @Test("the tenth wrong password from one place is the last one looked at there")
  func perPlace() async throws {
    let limits = AttemptLimits(store: CountedAttempts())
    for _ in 0..<10 {
      _ = try await limits.beginSignIn(to: "ada@example.org", from: "10.0.0.1")
    }
    await #expect(throws: UserError.tooManyAttempts) {
      try await limits.beginSignIn(to: "ada@example.org", from: "10.0.0.200")
    }
    // The owner elsewhere, and others here, are not shut out.
    _ = try await limits.beginSignIn(to: "ada@example.org", from: "10.0.1.1")
    _ = try await limits.beginSignIn(to: "bob@example.org", from: "10.0.0.1")
  }

  @Test("right passwords are no attempts")
  func withdrawn() async throws {
    let limits = AttemptLimits(store: CountedAttempts())
    for _ in 0..<30 {
      try await limits.withdraw(
        try await limits.beginSignIn(to: "ada@example.org", from: "10.0.0.1"))
    }
  }

  @Test("a hundred wrong passwords from everywhere close an account to all")
  func perAccount() async throws {
    let limits = AttemptLimits(store: CountedAttempts())
    for place in 0..<100 {
      _ = try await limits.beginSignIn(to: "ada@example.org", from: "10.0.\(place).1")
    }
    await #expect(throws: UserError.tooManyAttempts) {
      try await limits.beginSignIn(to: "ada@example.org", from: "192.0.2.1")
    }
  }

  @Test("one place that tries 300 accounts is shut out of all of them, and of registering")
  func perPrefix() async throws {
    let limits = AttemptLimits(store: CountedAttempts())
    for account in 0..<300 {
      _ = try await limits.beginSignIn(to: "\(account)@example.org", from: "10.0.0.1")
    }
    await #expect(throws: UserError.tooManyAttempts) {
      try await limits.beginSignIn(to: "ada@example.org", from: "10.0.0.1")
    }
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
    _ = try await limits.beginSignIn(to: "ada@example.org", from: "2001:db8:1::1")
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
