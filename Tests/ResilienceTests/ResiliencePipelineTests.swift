import Testing

@testable import Resilience

@Suite("pipeline")
struct ResiliencePipelineTests {
  let clock = ManualClock()

  func pipeline(_ change: (inout Preset) throws -> Void = { _ in }) throws -> ResiliencePipeline {
    var preset = Preset.http
    try change(&preset)
    return ResilienceRegistry(clock: clock, random: RandomSource(seed: 1))
      .pipeline("payment", preset: preset)
  }

  func context(
    _ idempotency: Idempotency = .idempotent, deadline: Duration? = nil,
    attemptTimeout: Duration? = nil
  ) -> CallContext {
    CallContext(
      upstream: "payment", idempotency: idempotency,
      deadline: deadline.map { Deadline(after: $0, from: clock.now) } ?? .none,
      attemptTimeout: attemptTimeout)
  }

  @Test("the operation learns its attempt's number, timeout and deadline")
  func attemptContext() throws {
    let pipeline = try pipeline()
    let operation = ScriptedOperation(.failure(.serverError), .success, clock: clock)
    let (context, start) = (context(attemptTimeout: .seconds(3)), clock.now)
    #expect(
      try clock.run { try await pipeline.execute(context) { try await operation.run($0) } } == 2)
    #expect(operation.contexts.map(\.attempt) == [1, 2])
    #expect(operation.contexts.map(\.attemptTimeout) == [.seconds(3), .seconds(3)])
    #expect(operation.contexts[0].deadline == Deadline(start + .seconds(5)))
  }

  @Test(
    "what an instance already ejected left unanswered is not held against the upstream",
    arguments: [
      FailureClass.connectionRefused, .requestNotSent, .maybeProcessed, .attemptTimedOut,
    ])
  func ejectedInstance(failure: FailureClass) throws {
    let breaker = CircuitBreaker(
      name: "payment", config: .http, clock: clock, random: RandomSource(seed: 1))
    func call(_ outcome: Outcome) {
      let operation = ScriptedOperation(outcome, clock: clock)
      let context = context()
      _ = try? clock.run { try await breaker.execute(context) { try await operation.run($0) } }
    }
    let known = ServerAdvice(hasOtherEndpoint: true, isOfEjectedEndpoint: true)
    for _ in 0..<100 { call(.failure(failure, advice: known)) }
    #expect(breaker.state == .closed)
    #expect(breaker.snapshot.totals.ignored == 100)
    // An answer is the upstream's own, whatever became of the instance since.
    for _ in 0..<5 { call(.failure(.serverError, advice: known)) }
    #expect(breaker.state == .open)
  }

  @Test("one instance of several that is gone opens no circuit; all of them, or the only one, do")
  func goneInstance() throws {
    let breaker = CircuitBreaker(
      name: "payment", config: .http, clock: clock, random: RandomSource(seed: 1))
    func call(_ outcome: Outcome) {
      let operation = ScriptedOperation(outcome, clock: clock)
      let context = context()
      _ = try? clock.run { try await breaker.execute(context) { try await operation.run($0) } }
    }
    let gone = [FailureClass.connectionRefused, .requestNotSent, .maybeProcessed]
    func fail(_ times: Int, hasOther: Bool) {
      for number in 0..<times {
        call(.failure(gone[number % 3], advice: ServerAdvice(hasOtherEndpoint: hasOther)))
      }
    }
    for _ in 0..<20 { call(.success) }
    fail(19, hasOther: true)
    #expect(breaker.state == .closed)
    // Half of all: not one instance of several any more.
    fail(1, hasOther: true)
    #expect(breaker.state == .open)

    breaker.reset()
    fail(4, hasOther: false)
    #expect(breaker.state == .closed)
    fail(1, hasOther: false)
    #expect(breaker.state == .open)
  }

  @Test("the attempt timeout is cut to what is left of the deadline")
  func cutTimeout() throws {
    let pipeline = try pipeline()
    let operation = ScriptedOperation(
      [.init(outcome: .failure(.serverError), work: .seconds(1)), .init(outcome: .success)],
      clock: clock)
    let context = context(deadline: .seconds(2))
    _ = try clock.run { try await pipeline.execute(context) { try await operation.run($0) } }
    let second = try #require(operation.contexts.last?.attemptTimeout)
    #expect(operation.contexts[0].attemptTimeout == .seconds(2))
    #expect(second == .seconds(1) - (operation.began[1] - operation.began[0] - .seconds(1)))
  }

  @Test("calls inherit the deadline of the request being served")
  func inheritedDeadline() throws {
    let pipeline = try pipeline()
    let operation = ScriptedOperation(.success, clock: clock)
    let (context, deadline) = (context(), Deadline(after: .milliseconds(40), from: clock.now))
    _ = try clock.run {
      try await Deadline.$current.withValue(deadline) {
        try await pipeline.execute(context) { try await operation.run($0) }
      }
    }
    #expect(operation.contexts[0].attemptTimeout == .milliseconds(40))
  }

  @Test("a late coarse reading makes no attempt longer than the deadline, and no total either")
  func coarseReading() throws {
    let clock = ManualClock(coarseLag: .milliseconds(19))
    let pipeline = ResilienceRegistry(clock: clock, random: RandomSource(seed: 1))
      .pipeline("payment", preset: .http)
    func timeouts(deadline: Duration) throws -> [Duration?] {
      let operation = ScriptedOperation(.success, clock: clock)
      let deadline = Deadline(after: deadline, from: clock.now)
      let context = CallContext(upstream: "payment", idempotency: .safe, deadline: deadline)
      do {
        _ = try clock.run { try await pipeline.execute(context) { try await operation.run($0) } }
      } catch is DeadlineExceeded {}
      #expect(operation.contexts.allSatisfy { $0.deadline.instant <= clock.now + .seconds(5) })
      return operation.contexts.map(\.attemptTimeout)
    }
    // The attempt's own timeout is 2 s.
    #expect(try timeouts(deadline: .milliseconds(1_999)) == [.milliseconds(1_999)])
    #expect(try timeouts(deadline: .milliseconds(2_001)) == [.seconds(2)])
    #expect(try timeouts(deadline: .seconds(60)) == [.seconds(2)])
    #expect(try timeouts(deadline: .zero) == [])
    #expect(try timeouts(deadline: .milliseconds(-10)) == [])
  }

  @Test("a deadline that has passed is told before any work")
  func spentDeadline() throws {
    let pipeline = try pipeline()
    let operation = ScriptedOperation(.success, clock: clock)
    let context = context(deadline: .zero)
    let error = #expect(throws: DeadlineExceeded.self) {
      try clock.run { try await pipeline.execute(context) { try await operation.run($0) } }
    }
    #expect(error?.place == .client)
    #expect(operation.attempts == 0)
    #expect(pipeline.circuitBreaker.snapshot.totals.permitsIssued == 0)
  }

  @Test(
    "an attempt that the total deadline ended is a failure only when it had run as long as a slow one",
    arguments: [(1_000, 0), (1_599, 0), (1_600, 1), (1_900, 1)])
  func deadlineInFlight(milliseconds: Int, failures: Int) throws {
    let pipeline = try pipeline()
    let operation = ScriptedOperation(
      [.init(outcome: .failure(.attemptTimedOut), work: .milliseconds(milliseconds))],
      clock: clock)
    let context = context(deadline: .milliseconds(milliseconds))
    #expect(throws: DeadlineExceeded.self) {
      try clock.run { try await pipeline.execute(context) { try await operation.run($0) } }
    }
    #expect(operation.attempts == 1)
    #expect(pipeline.circuitBreaker.snapshot.totals.failed == failures)
  }

  @Test("an attempt's own timeout is a failure and is tried again")
  func attemptTimeout() throws {
    let pipeline = try pipeline()
    let operation = ScriptedOperation(
      [
        .init(outcome: .failure(.attemptTimedOut), work: .seconds(2)), .init(outcome: .success),
      ], clock: clock)
    let context = context()
    #expect(
      try clock.run { try await pipeline.execute(context) { try await operation.run($0) } } == 2)
    #expect(pipeline.circuitBreaker.snapshot.totals.slowFailed == 1)
  }

  @Test("the breaker sees every attempt, the bulkhead the call")
  func order() throws {
    let pipeline = try pipeline()
    let operation = ScriptedOperation(
      [.init(outcome: .failure(.serverError), work: .milliseconds(10))], clock: clock)
    let context = context()
    let call = clock.start {
      try await pipeline.execute(context) { try await operation.run($0) }
    }
    #expect(pipeline.bulkhead?.running == 1)
    while !call.isFinished {
      #expect(pipeline.bulkhead?.running == 1)
      clock.advance(by: .milliseconds(5))
    }
    #expect(pipeline.bulkhead?.running == 0)
    #expect(pipeline.circuitBreaker.snapshot.totals.failed == 3)
  }

  @Test("when the breaker opens between attempts the original failure is thrown")
  func opensMeanwhile() throws {
    let pipeline = try pipeline {
      $0.circuitBreaker = try .http.changing { $0.consecutiveFailuresMax = 2 }
    }
    let operation = ScriptedOperation(.failure(.serverError), clock: clock)
    let context = context()
    let attempt = try clock.run {
      let attempt: Attempt<Int> = await pipeline.attempt(context, classify: { Outcome.of($0) }) {
        try await operation.run($0)
      }
      return "\(attempt.result)"
    }
    #expect(operation.attempts == 2)
    #expect(attempt.contains("number: 2"))
    #expect(pipeline.retry.totals.refused == 1)
    #expect(pipeline.circuitBreaker.snapshot.totals.notPermitted == 1)
    #expect(throws: CallNotPermitted.self) {
      try clock.run { try await pipeline.execute(context) { try await operation.run($0) } }
    }
    #expect(operation.attempts == 2)
  }

  @Test("refusals of our own are ignored by the breaker")
  func localRejections() throws {
    let pipeline = try pipeline {
      $0.rateLimiter = try RateLimiterConfig(RateLimiterSettings(perSecond: 1, burst: 1))
    }
    let operation = ScriptedOperation(.success, clock: clock)
    let context = context()
    _ = try clock.run { try await pipeline.execute(context) { try await operation.run($0) } }
    for _ in 0..<20 {
      #expect(throws: RateLimited.self) {
        try clock.run { try await pipeline.execute(context) { try await operation.run($0) } }
      }
    }
    #expect(pipeline.circuitBreaker.state == .closed)
    #expect(pipeline.circuitBreaker.snapshot.totals.ignored == 20)
  }

  @Test("a cancelled call ends as cancelled whatever its operation made of it", arguments: 0...2)
  func cancellation(ending: Int) throws {
    struct Own: Error {}
    let pipeline = try pipeline()
    let (context, clock) = (context(), clock)
    let attempts = EventRecorder<Int>()
    let call = clock.start {
      try await pipeline.execute(context) { context -> Int in
        attempts.record(context.attempt)
        do { try await clock.sleep(until: clock.now + .seconds(1)) } catch {
          if ending == 0 { throw error }
          if ending == 1 { throw Own() }
        }
        return 1
      }
    }
    call.cancel(clock)
    #expect(call.error is CancellationError)
    #expect(attempts.events == [1])
    let totals = pipeline.circuitBreaker.snapshot.totals
    #expect(totals.ignored == 1)
    #expect(totals.failed == 0)
    #expect(totals.successful == 0)
    #expect(pipeline.retry.totals.retries == 0)
    #expect(pipeline.bulkhead?.running == 0)
  }

  @Test("impatient callers never open the breaker")
  func impatientCallers() throws {
    let pipeline = try pipeline()
    let (context, clock) = (context(), clock)
    for _ in 0..<100 {
      let call = clock.start {
        try await pipeline.execute(context) { _ in
          try await clock.sleep(until: clock.now + .seconds(1))
        }
      }
      call.cancel(clock)
    }
    #expect(pipeline.circuitBreaker.state == .closed)
    #expect(pipeline.circuitBreaker.snapshot.recorded == 0)
  }

  @Test("a failing answer that is a value is repeated, and returned when it stays")
  func failingValues() throws {
    let pipeline = try pipeline()
    let context = context()
    let attempts = EventRecorder<Int>()
    let status = try clock.run {
      try await pipeline.execute(context) { result in
        if case .success(503) = result { .failure(.unavailable) } else { Outcome.of(result) }
      } _: { context in
        attempts.record(context.attempt)
        return 503
      }
    }
    #expect(status == 503)
    #expect(attempts.events == [1, 2, 3])
    #expect(pipeline.circuitBreaker.snapshot.totals.failed == 3)
  }

  @Test("a fallback answers for a failure and never for a cancellation")
  func fallback() throws {
    let pipeline = try pipeline()
    let operation = ScriptedOperation(.failure(.unsupported), clock: clock)
    let (context, clock) = (context(), clock)
    let answer = try clock.run {
      try await pipeline.execute(context) {
        try await operation.run($0)
      } fallback: { _ in
        42
      }
    }
    #expect(answer.value == 42)
    #expect(answer.isFallback)
    let call = clock.start {
      try await pipeline.execute(context) { _ in
        try await clock.sleep(until: clock.now + .seconds(1))
        return 1
      } fallback: { _ in
        42
      }
    }
    call.cancel(clock)
    #expect(call.error is CancellationError)
  }
}
