import SharedKernel
import Testing

@Suite("Failures")
struct FailureTests {
  @Test("all faults of an input are told, not only the first")
  func collects() throws {
    var validation = Validation()
    validation.require(true, "/a", "good")
    try validation.finish()
    validation.require(false, "/b", "bad", "must be better")
    validation.requireText("", "/c", length: 1...5)
    validation.requireText("a\u{0}b", "/d", length: 1...5)
    validation.requireText("žluť", "/e", length: 1...4)
    validation.requireText("a\n\tb", "/f", length: 1...4)
    let failure = #expect(throws: ValidationFailure.self) { try validation.finish() }
    #expect(failure?.faults.map(\.pointer) == ["/b", "/c", "/d"])
    #expect(failure?.faults.map(\.code) == ["bad", "length", "control_characters"])
    #expect(failure?.detail == "/b: must be better (and 2 more)")
    #expect(failure?.kind == .validationFailed)
  }

  @Test("a role includes those below it")
  func roles() {
    #expect(Role.customer < .staff)
    #expect(Role.staff < .admin)
    #expect(!Caller.anonymous.isStaff)
    #expect(!Caller.service("order-service").isStaff)
    #expect(!Caller.user(.new(), role: .customer, session: .v7()).isStaff)
    #expect(Caller.user(.new(), role: .admin, session: .v7()).isStaff)
  }

  @Test("callers' idempotency keys are kept apart")
  func principals() {
    let id = UserID.new()
    #expect(Caller.anonymous.principal == "anon")
    #expect(Caller.user(id, role: .staff, session: .v7()).principal == "user:\(id)")
    #expect(Caller.service("order-service").principal == "service:order-service")
  }
}
