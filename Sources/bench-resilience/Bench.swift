import Glibc
import Resilience

/// The policies under measurement, as a service makes them.
struct Bench: Sendable {
  /// Calls between two looks at the clock.
  private static let batch = 1_000
  private static let endpoints = 100
  private static let warmUpCalls = 20_000
  private static let countedCalls = 10_000

  private let closed: CircuitBreaker
  private let open: CircuitBreaker
  private let retry = Retry(name: "bench")
  private let pipeline = ResilienceRegistry().pipeline("bench")
  private let balancer = Balancer()
  private let clock = MonotonicClock()
  private let allocations = AllocationCounter()

  /// - Throws: when a setting is out of range.
  init() throws {
    closed = CircuitBreaker(name: "bench")
    // Stays open for as long as a measurement can last.
    let config = try CircuitBreakerConfig.http.changing {
      $0.openWait = .seconds(3600)
      $0.openWaitMax = .seconds(3600)
    }
    open = CircuitBreaker(name: "bench", config: config)
    for _ in 0..<(config.consecutiveFailuresMax ?? 1) {
      try open.tryAcquirePermit().fail(AttemptTimedOut())
    }
    balancer.update(
      (1...Self.endpoints).map {
        (key: EndpointKey(id: "bench-\($0)", host: "127.0.0.1", port: UInt16($0)), weight: 1)
      })
  }

  nonisolated(nonsending) func measure(_ call: BenchCall, milliseconds: Int) async -> Figure {
    let context = CallContext(upstream: "bench", operation: "GET", idempotency: .safe)
    switch call {
    case .clock:
      return await measure(milliseconds) { Int(truncatingIfNeeded: clock.now.nanoseconds) }
    case .direct: return await measure(milliseconds) { await answer() }
    case .closed:
      return await measure(milliseconds) { await value(of: closed, context) }
    case .permit:
      return await measure(milliseconds) {
        do throws(CallNotPermitted) {
          let permit = try closed.tryAcquirePermit()
          let value = await answer()
          permit.succeed()
          return value
        } catch {
          preconditionFailure("a closed circuit permits every call")
        }
      }
    case .open:
      return await measure(milliseconds) {
        let attempt = await open.attempt(context) { _ in Attempt(.success(1), .success) }
        return attempt.outcome == .ignored ? 1 : 0
      }
    case .refusal:
      return await measure(milliseconds) {
        do throws(CallNotPermitted) {
          let permit = try open.tryAcquirePermit()
          permit.ignore()
          return 0
        } catch {
          return 1
        }
      }
    case .retry: return await measure(milliseconds) { await value(of: retry, context) }
    case .stack:
      let deadline = Deadline(after: .seconds(3600), from: clock.now)
      return await Deadline.$current.withValue(deadline) {
        await measure(milliseconds) {
          do {
            return try await pipeline.execute(context) { _ in await answer() }
          } catch {
            preconditionFailure("the operation never fails: \(error)")
          }
        }
      }
    case .pick:
      return await measure(milliseconds) {
        guard let selection = balancer.select() else { preconditionFailure("there are endpoints") }
        selection.finish(.success, attemptTimeout: .seconds(2))
        return 1
      }
    }
  }

  private nonisolated(nonsending) func value(
    of policy: some Policy, _ context: CallContext
  ) async -> Int {
    do {
      return try await policy.execute(context) { _ in await answer() }
    } catch {
      preconditionFailure("the operation never fails: \(error)")
    }
  }

  private nonisolated(nonsending) func measure(
    _ milliseconds: Int, _ body: nonisolated(nonsending) () async -> Int
  ) async -> Figure {
    var sum = 0
    for _ in 0..<Self.warmUpCalls { sum &+= await body() }
    let before = allocations.count
    for _ in 0..<Self.countedCalls { sum &+= await body() }
    let allocated = allocations.count.flatMap { after in before.map { after - $0 } }
    let began = clock.now
    let end = began + .milliseconds(milliseconds)
    var calls = 0
    var now = began
    while now < end {
      for _ in 0..<Self.batch { sum &+= await body() }
      calls += Self.batch
      now = clock.now
    }
    checksum &+= sum
    return Figure(
      nanoseconds: (now - began) / .nanoseconds(1) / Double(calls),
      allocations: allocated.map { Double($0) / Double(Self.countedCalls) })
  }
}

/// What one call takes.
struct Figure {
  let nanoseconds: Double
  /// On the heap; nil when nobody counts.
  let allocations: Double?

  var json: String {
    "{\"ns\": \(nanoseconds), \"allocations\": \(allocations.map { "\($0)" } ?? "null")}"
  }
}

/// Read by nobody, but the compiler does not know that.
nonisolated(unsafe) var checksum = 0
nonisolated(unsafe) private var answers = 0

/// The operation: too little to be measured, too much to be left out.
@inline(never)
private nonisolated(nonsending) func answer() async -> Int {
  answers &+= 1
  return answers
}
