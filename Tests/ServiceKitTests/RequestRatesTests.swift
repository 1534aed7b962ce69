import CoreHTTP
import HTTPMessages
import Postgres
import Resilience
import SharedKernel
import Synchronization
import Testing

@testable import ServiceKit

@Suite("Rates of requests")
struct RequestRatesTests {
  /// Stands still unless it is moved.
  private final class Clock: ResilienceClock {
    private let time = Atomic<Int64>(1)
    var now: MonotonicInstant { MonotonicInstant(nanoseconds: time.load(ordering: .relaxed)) }
    func advance(milliseconds: Int64) { time.add(milliseconds * 1_000_000, ordering: .relaxed) }
    nonisolated(nonsending) func sleep(until instant: MonotonicInstant) async throws {}
  }

  @Test("a client has a burst, then its rate; another's requests are not counted to it")
  func rate() {
    let clock = Clock()
    let rates = RequestRates(perSecond: 10, burst: 3, clock: clock)
    #expect((0..<3).map { _ in rates.take(for: "a").remaining } == [2, 1, 0])
    let refused = rates.take(for: "a")
    #expect(refused.wait == .milliseconds(100) && refused.reset == .milliseconds(300))
    #expect(rates.take(for: "b").wait == nil)
    clock.advance(milliseconds: 100)
    #expect(rates.take(for: "a").wait == nil)
    #expect(rates.take(for: "a").wait != nil)
  }

  @Test("clients past those that are remembered share a bucket, until others have all their tokens")
  func crowd() {
    let clock = Clock()
    let rates = RequestRates(perSecond: 1, burst: 1, clock: clock)
    for client in 0..<RequestRates.clientsMax { _ = rates.take(for: "\(client)") }
    #expect(rates.take(for: "one more").wait == nil)
    #expect(rates.take(for: "and another").wait != nil)
    clock.advance(milliseconds: 1000)
    #expect(rates.take(for: "and another").wait == nil)
    #expect(rates.take(for: "a third").wait == nil)
  }

  private func router(_ rates: RequestRates) throws -> Router {
    let database = Database(
      try DatabaseConfiguration(url: "postgresql://nobody@127.0.0.1:1/none"),
      group: KitBench.loops)
    var routes = Routes(
      kit: RequestKit(
        storage: RequestStorage(database: database, fingerprint: { $0 }),
        authenticate: { .service($0) }, rates: rates, logger: KitBench.logger))
    routes.get("/x", access: .optional) { _ in .noContent }
    routes.get("/internal/x", access: .services(["order-service"])) { _ in .noContent }
    routes.get("/health", access: .anyone, load: .exempt) { _ in .noContent }
    return routes.router
  }

  @Test(
    "a client that asks too often is told when to come back; services and health are not limited")
  func answers() async throws {
    let clock = Clock()
    let router = try router(RequestRates(perSecond: 1, burst: 2, clock: clock))
    let first = try await router.send(.get, "/x")
    #expect(first.status.code == 204)
    #expect(first.fields["RateLimit-Limit"] == "2" && first.fields["RateLimit-Remaining"] == "1")
    #expect(try await router.send(.get, "/x").fields["RateLimit-Remaining"] == "0")
    let refused = try await router.send(.get, "/x")
    #expect(refused.problemKind == .rateLimited)
    #expect(refused.fields[.retryAfter] == "1" && refused.fields["RateLimit-Reset"] == "2")
    #expect(try await router.send(.get, "/health").fields["RateLimit-Limit"] == nil)
    for _ in 0..<3 {
      let response = try await router.send(.get, "/internal/x", as: "order-service")
      #expect(response.status.code == 204)
    }
    clock.advance(milliseconds: 1000)
    #expect(try await router.send(.get, "/x").status.code == 204)
  }
}
