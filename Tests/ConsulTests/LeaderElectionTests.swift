import HTTPMessages
import Synchronization
import TestSupport
import Testing

@testable import Consul

@Suite("LeaderElection, with a real agent", .timeLimit(.minutes(2)))
struct LeaderElectionTests {
  /// A process that stands for election: what it is told, and a line to Consul that can be cut.
  final class Candidate: HTTPHandler {
    let name: String
    private let told = Told<ElectionEvent>()
    private let carrier: any HTTPHandler
    private let isCut = Mutex(false)

    init(_ name: String, carrier: any HTTPHandler) {
      self.name = name
      self.carrier = carrier
    }

    func cut() { isCut.withLock { $0 = true } }

    func handle(_ request: HTTPRequest) async throws -> HTTPResponse {
      guard !isCut.withLock({ $0 }) else { throw ConsulError.unreachable("cut") }
      let response = try await carrier.handle(request)
      guard !isCut.withLock({ $0 }) else { throw ConsulError.unreachable("cut") }
      return response
    }

    func election(_ key: String, of consul: PrivateConsul) throws -> LeaderElection {
      LeaderElection(
        key: key, candidate: name,
        client: ConsulClient(
          try ConsulConfiguration(environment: ["CONSUL_HTTP_ADDR": consul.address]), http: self),
        report: told.report)
    }

    /// Waits until it leads.
    func elected() async -> LeaderElection.Term? {
      let event = await told.wait { if case .elected = $0 { true } else { false } }
      guard case .elected(let term) = event else { return nil }
      return term
    }

    func steppedDown() async { await told.wait { $0 == .steppedDown } }
  }

  /// Who works now; notes when two do.
  final class Workplace: Sendable {
    private struct State {
      var workers: Set<String> = []
      var mostAtOnce = 0
    }
    private let state = Mutex(State())

    var mostAtOnce: Int { state.withLock { $0.mostAtOnce } }

    /// Works until it is cancelled.
    func work(_ name: String) async throws {
      state.withLock {
        $0.workers.insert(name)
        $0.mostAtOnce = max($0.mostAtOnce, $0.workers.count)
      }
      defer { state.withLock { _ = $0.workers.remove(name) } }
      try await Task.sleep(for: .seconds(3600))
    }
  }

  private func standing(
    _ candidate: Candidate, _ key: String, _ consul: PrivateConsul, at workplace: Workplace
  ) throws -> Task<Void, any Error> {
    let election = try candidate.election(key, of: consul)
    return Task { try await election.run { _ in try await workplace.work(candidate.name) } }
  }

  @Test("one of two leads, and the other at once when the first leaves")
  func handsOver() async throws {
    let (consul, workplace) = (try await sharedConsul(), Workplace())
    let (first, second) = (Candidate("a", carrier: carrier), Candidate("b", carrier: carrier))
    let leading = try standing(first, "lead/hand over", consul, at: workplace)
    let term = try #require(await first.elected())
    let waiting = try standing(second, "lead/hand over", consul, at: workplace)
    let client = try client(of: consul)
    #expect(try await client.lock(of: "lead/hand over").value == "a")
    let began = ContinuousClock.now
    leading.cancel()
    let next = try #require(await second.elected())
    #expect(.now - began < .seconds(5))
    #expect(next.number > term.number)
    #expect(try await client.lock(of: "lead/hand over").value == "b")
    waiting.cancel()
    _ = await waiting.result
    #expect(try await client.lock(of: "lead/hand over").session == nil)
    #expect(workplace.mostAtOnce == 1)
  }

  @Test("a leader that Consul hears no more of has stopped before another begins, within 25 s")
  func lostLeader() async throws {
    let (consul, workplace) = (try await sharedConsul(), Workplace())
    let (first, second) = (Candidate("a", carrier: carrier), Candidate("b", carrier: carrier))
    let leading = try standing(first, "lead/lost", consul, at: workplace)
    _ = await first.elected()
    let waiting = try standing(second, "lead/lost", consul, at: workplace)
    let began = ContinuousClock.now
    first.cut()
    await first.steppedDown()
    #expect(.now - began < .seconds(10))
    _ = await second.elected()
    #expect(.now - began < .seconds(25))
    #expect(workplace.mostAtOnce == 1)
    for task in [leading, waiting] {
      task.cancel()
      _ = await task.result
    }
  }

  @Test("a session that is ended from outside ends the term, and another term follows")
  func endedSession() async throws {
    let (consul, workplace) = (try await sharedConsul(), Workplace())
    let candidate = Candidate("a", carrier: carrier)
    let standing = try standing(candidate, "lead/ended", consul, at: workplace)
    let term = try #require(await candidate.elected())
    let began = ContinuousClock.now
    try await client(of: consul).destroySession(term.session, timeout: .seconds(5))
    await candidate.steppedDown()
    #expect(.now - began < .seconds(5))
    let next = try #require(await candidate.elected())
    #expect(next.number > term.number)
    #expect(next.session != term.session)
    standing.cancel()
    _ = await standing.result
  }

  @Test("a Consul that opens sessions and gives no lock is asked ever less often, and told of once")
  func noLock() async throws {
    let fake = FakeConsul { request in
      switch request.path {
      case "/v1/session/create": FakeConsul.json(#"{"ID":"s"}"#)
      case let path where path.hasPrefix("/v1/kv/"): FakeConsul.json("no", status: 500)
      default: FakeConsul.json("true")
      }
    }
    let told = Mutex(0)
    let election = LeaderElection(
      key: "lead/nothing", candidate: "a", client: ConsulClient(.init(), http: fake),
      report: { _ in told.withLock { $0 += 1 } })
    let standing = Task { try await election.run { _ in } }
    try await Task.sleep(for: .seconds(3))
    standing.cancel()
    _ = await standing.result
    // Waits of 0 to 0.1, 0.2, 0.4, 0.8, 1.6 and 2 s; without growing, some sixty sessions.
    let sessions = fake.requests.count { $0.path == "/v1/session/create" }
    #expect((1...20).contains(sessions), "\(sessions)")
    #expect(told.withLock { $0 } == 1)
  }

  @Test("a Consul that forgot everything chooses again")
  func forgetfulConsul() async throws {
    let (consul, workplace) = (try await PrivateConsul.start(), Workplace())
    let candidate = Candidate("a", carrier: carrier)
    let standing = try standing(candidate, "lead/forgotten", consul, at: workplace)
    let term = try #require(await candidate.elected())
    try await consul.stop()
    try await consul.startAgain()
    await candidate.steppedDown()
    let next = try #require(await candidate.elected())
    #expect(next.session != term.session)
    standing.cancel()
    _ = await standing.result
    try await consul.stop()
  }

  @Test("work that fails gives the lock back and tells why; work that is done ends the candidacy")
  func ends() async throws {
    struct Failed: Error {}
    let consul = try await sharedConsul()
    let election = try Candidate("a", carrier: carrier).election("lead/ends", of: consul)
    await #expect(throws: Failed.self) { try await election.run { _ in throw Failed() } }
    let client = try client(of: consul)
    #expect(try await client.lock(of: "lead/ends").session == nil)
    try await election.run { _ in }
    #expect(try await client.lock(of: "lead/ends").session == nil)
  }
}
