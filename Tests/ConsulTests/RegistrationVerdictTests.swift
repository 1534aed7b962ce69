import Testing

@testable import Consul

@Suite("RegistrationVerdict")
struct RegistrationVerdictTests {
  var registration: ServiceRegistration {
    var registration = ServiceRegistration(name: "s", host: "h", port: 1)
    registration.tags = ["a", "b"]
    registration.meta = ["version": "1"]
    return registration
  }

  func held(
    port: UInt16 = 1, tags: [String] = ["b", "a"],
    meta: [String: String] = ["version": "1", "boot": "me", "consul-version": "x"], weight: Int = 1
  ) -> AgentService {
    AgentService(
      id: "s-h-1", name: "s", host: "h", port: port, tags: tags, meta: meta, weight: weight)
  }

  func verdict(_ found: AgentService?, checks: Set<String> = ["s-h-1:http", "other"])
    -> RegistrationVerdict
  {
    RegistrationVerdict(of: registration, boot: "me", found: found, checkIDs: checks)
  }

  @Test("what we set is compared, whatever else Consul adds")
  func intact() {
    #expect(verdict(held()) == .intact)
  }

  @Test("an unknown id is lost")
  func lost() {
    #expect(verdict(nil) == .lost)
  }

  @Test("another port, tag, value, weight or a missing check is drift")
  func drifted() {
    #expect(verdict(held(port: 2)) == .drifted)
    #expect(verdict(held(weight: 2)) == .drifted)
    #expect(verdict(held(tags: ["a"])) == .drifted)
    #expect(verdict(held(meta: ["version": "2", "boot": "me"])) == .drifted)
    #expect(verdict(held(meta: ["version": "1"])) == .drifted)
    #expect(verdict(held(), checks: []) == .drifted)
  }

  @Test("another process's nonce is not fought, whatever else differs")
  func taken() {
    #expect(verdict(held(port: 2, meta: ["boot": "other"]), checks: []) == .taken(boot: "other"))
  }
}
