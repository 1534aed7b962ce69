import Testing

@testable import Resilience

@Suite("retry")
struct RetryTests {
  let clock = ManualClock()

  func retry(_ change: (inout RetrySettings) -> Void = { _ in }) throws -> Retry {
    Retry(
      name: "payment", config: try .http.changing(change), clock: clock,
      random: RandomSource(seed: 1))
  }

  func context(
    _ idempotency: Idempotency = .idempotent, deadline: Duration? = nil
  ) -> CallContext {
    CallContext(
      upstream: "payment", idempotency: idempotency,
      deadline: deadline.map { Deadline(after: $0, from: clock.now) } ?? .none)
  }

  @Test("a first success is not repeated")
  func firstSuccess() throws {
    let (retry, operation) = (try retry(), ScriptedOperation(.success, clock: clock))
    let context = context()
    #expect(try clock.run { try await retry.execute(context) { try await operation.run($0) } } == 1)
    #expect(retry.totals == Retry.Totals(successfulWithoutRetry: 1))
  }

  @Test("a failure is repeated up to the most attempts, and the last error is thrown unchanged")
  func exhaustion() throws {
    let retry = try retry()
    let operation = ScriptedOperation(.failure(.serverError), clock: clock)
    let context = context()
    let error = #expect(throws: ScriptedOperation.Failure.self) {
      try clock.run { try await retry.execute(context) { try await operation.run($0) } }
    }
    #expect(error?.number == 3)
    #expect(operation.contexts.map(\.attempt) == [1, 2, 3])
    #expect(
      retry.totals
        == Retry.Totals(failedWithRetry: 1, retries: 2, retriesAfter: [.serverError: 2]))
  }

  @Test("waits grow within base * 2^(n-1) and the cap", arguments: 1...40)
  func backoff(seed: Int) throws {
    let plan = RetryPlan(
      try .http.changing { $0.backoff = .fullJitter(base: .milliseconds(50), cap: .seconds(1)) })
    let random = RandomSource(seed: UInt64(seed))
    for (attempt, milliseconds) in [(1, 50), (2, 100), (5, 800), (6, 1_000), (9_000, 1_000)] {
      let wait = plan.backoff(after: attempt, random)
      #expect((0...Int64(milliseconds) * 1_000_000).contains(wait))
    }
  }

  @Test("a fixed wait is kept exactly")
  func fixedBackoff() throws {
    let retry = Retry(name: "payment", config: .resilience4j, clock: clock)
    let operation = ScriptedOperation(
      .failure(.serverError), .failure(.serverError), .success, clock: clock)
    let (context, start) = (context(), clock.now)
    #expect(try clock.run { try await retry.execute(context) { try await operation.run($0) } } == 3)
    #expect(operation.began.map { $0 - start } == [.zero, .milliseconds(500), .seconds(1)])
  }

  @Test("pushback is kept to exactly, and a negative or unreadable one ends retrying")
  func pushback() throws {
    let (retry, start) = (try retry(), clock.now)
    let told = ScriptedOperation(
      .failure(
        .unavailable,
        advice: ServerAdvice(retryAfter: .seconds(9), pushback: Pushback(header: "1500"))),
      .success, clock: clock)
    let context = context(.unsafe)
    #expect(try clock.run { try await retry.execute(context) { try await told.run($0) } } == 2)
    #expect(told.began.last == start + .milliseconds(1_500))

    for header in ["-1", "soon", "", "1.5"] {
      let stopped = ScriptedOperation(
        .failure(.unavailable, advice: ServerAdvice(pushback: Pushback(header: header))),
        clock: clock)
      _ = try? clock.run { try await retry.execute(context) { try await stopped.run($0) } }
      #expect(stopped.attempts == 1)
    }
  }

  @Test("Retry-After is waited for, up to a tenth longer and never shorter", arguments: 1...30)
  func retryAfter(seed: Int) throws {
    let retry = Retry(name: "payment", clock: clock, random: RandomSource(seed: UInt64(seed)))
    let operation = ScriptedOperation(
      .failure(.throttled, advice: ServerAdvice(retryAfter: .seconds(2))), .success, clock: clock)
    let (context, start) = (context(), clock.now)
    #expect(try clock.run { try await retry.execute(context) { try await operation.run($0) } } == 2)
    #expect((.seconds(2) ... .milliseconds(2_200)).contains(clock.now - start))
  }

  @Test("a request that was not sent goes to another endpoint at once, the first time")
  func otherEndpoint() throws {
    let retry = try retry { $0.backoff = .fixed(.milliseconds(70)) }
    let notSent = Outcome.failure(
      .connectionRefused, advice: ServerAdvice(hasOtherEndpoint: true))
    let operation = ScriptedOperation(notSent, notSent, .success, clock: clock)
    let (context, start) = (context(.unsafe), clock.now)
    #expect(try clock.run { try await retry.execute(context) { try await operation.run($0) } } == 3)
    #expect(operation.began.map { $0 - start } == [.zero, .zero, .milliseconds(70)])
  }

  @Test("nobody sleeps to die: a wait that leaves too little of the deadline ends retrying")
  func deadline() throws {
    let retry = try retry { $0.backoff = .fixed(.milliseconds(100)) }
    for (milliseconds, attempts) in [(104, 1), (105, 2)] {
      let operation = ScriptedOperation(.failure(.serverError), clock: clock)
      let context = context(deadline: .milliseconds(milliseconds))
      let start = clock.now
      _ = try? clock.run { try await retry.execute(context) { try await operation.run($0) } }
      #expect(operation.attempts == attempts)
      #expect(clock.now - start == .milliseconds((attempts - 1) * 100))
    }
  }

  @Test("the budget's token is taken before the wait: a wave finds it empty at once")
  func budgetBeforeSleep() throws {
    let retry = try retry {
      $0.backoff = .fixed(.seconds(1))
      $0.budget = RetrySettings.Budget(percent: 0, minPerSecond: 1, ttl: .seconds(2))
    }
    let operation = ScriptedOperation(.failure(.serverError), clock: clock)
    let context = context()
    let calls = (0..<10).map { _ in
      clock.start { try await retry.execute(context) { try await operation.run($0) } }
    }
    // Two sleep with a token each, the others have their answer.
    #expect(clock.sleeping == 2)
    #expect(calls.filter(\.isFinished).count == 8)
    #expect(retry.totals.budgetDenied == 8)
    clock.advance(by: .seconds(1))
    #expect(operation.attempts == 12)
  }

  @Test("a call is worth its share of retries once, however many attempts it makes")
  func depositPerCall() throws {
    let retry = try retry {
      $0.budget = RetrySettings.Budget(percent: 100, minPerSecond: 0, ttl: .seconds(10))
    }
    let operation = ScriptedOperation(.failure(.serverError), clock: clock)
    let context = context()
    _ = try? clock.run { try await retry.execute(context) { try await operation.run($0) } }
    #expect(operation.attempts == 2)
    #expect(retry.totals.budgetDenied == 1)
  }

  @Test("a call cancelled in its wait ends at once, makes no attempt and gives its token back")
  func cancelledSleep() throws {
    let retry = try retry {
      $0.backoff = .fixed(.seconds(1))
      $0.budget = RetrySettings.Budget(percent: 0, minPerSecond: 1, ttl: .seconds(2))
    }
    let operation = ScriptedOperation(.failure(.serverError), clock: clock)
    let context = context()
    let call = clock.start { try await retry.execute(context) { try await operation.run($0) } }
    #expect(retry.budgetBalance == 1)
    call.cancel(clock)
    #expect(call.error is CancellationError)
    #expect(operation.attempts == 1)
    #expect(retry.budgetBalance == 2)
  }

  @Test("a call that was cancelled before it began makes no attempt")
  func cancelledBefore() throws {
    let retry = try retry()
    let operation = ScriptedOperation(.success, clock: clock)
    let (context, clock) = (context(), clock)
    let call = clock.start {
      try? await clock.sleep(until: clock.now + .seconds(1))
      return try await retry.execute(context) { try await operation.run($0) }
    }
    call.cancel(clock)
    #expect(call.error is CancellationError)
    #expect(operation.attempts == 0)
  }

  @Test("a retry that our own side refuses surfaces the failure before it, and is counted")
  func refused() throws {
    struct Refused: LocalRejection { let retryAfter: Duration? = nil }
    let retry = try retry()
    let context = context()
    let attempt = try clock.run {
      let attempt: Attempt<Int> = await retry.attempt(context) { context in
        context.attempt == 1
          ? Attempt(
            .failure(ScriptedOperation.Failure(number: 1, outcome: .ignored)),
            .failure(.serverError))
          : .ignored(Refused())
      }
      return "\(attempt.result)"
    }
    #expect(attempt.contains("number: 1"))
    #expect(
      retry.totals
        == Retry.Totals(
          failedWithRetry: 1, retries: 1, retriesAfter: [.serverError: 1], refused: 1))
  }

  // MARK: - Any sequence

  struct Case {
    var endings: [ScriptedOperation.Ending]
    var idempotency: Idempotency
    var deadline: Duration
    var cancelAfter: Duration?
  }

  @Test("attempts, waits, deadline, cancellation and unsafe requests keep their rules in any call")
  func anyCall() {
    expectNoFault(cases: 500) { random -> [Case] in
      (0..<random.int(1...4)).map { _ in
        Case(
          endings: (0..<random.int(1...5)).map { _ in
            let advice = ServerAdvice(
              retryAfter: random.pick([nil, nil, .milliseconds(random.int(0...800))]),
              pushback: random.pick([nil, nil, nil, .never, .after(.milliseconds(30))]),
              hasOtherEndpoint: random.chance(50))
            let outcome: Outcome =
              random.chance(20)
              ? .success : .failure(random.pick(FailureClass.allCases), advice: advice)
            return ScriptedOperation.Ending(
              outcome: outcome, work: .milliseconds(random.pick([0, 1, 20, 300])))
          }, idempotency: random.pick([.safe, .idempotent, .keyed("k"), .unsafe]),
          deadline: .milliseconds(random.pick([1, 50, 500, 5_000])),
          cancelAfter: random.pick([nil, nil, .milliseconds(random.int(0...600))]))
      }
    } fault: { calls, seed in
      let clock = ManualClock()
      let retry = Retry(name: "any", clock: clock, random: RandomSource(seed: seed))
      for call in calls {
        let operation = ScriptedOperation(call.endings, clock: clock)
        let (start, slept) = (clock.now, clock.sleptUntil.count)
        let context = CallContext(
          upstream: "any", idempotency: call.idempotency,
          deadline: Deadline(after: call.deadline, from: start))
        let running = clock.start {
          try await retry.execute(context) { try await operation.run($0) }
        }
        if let cancelAfter = call.cancelAfter {
          clock.advance(by: cancelAfter)
          let attempts = operation.attempts
          let wasFinished = running.isFinished
          running.cancel(clock)
          if operation.attempts != attempts { return "an attempt after cancellation" }
          if !running.isFinished { return "not ended by cancellation" }
          if !wasFinished, !(running.error is CancellationError) {
            return "\(running.error as Any)"
          }
          continue
        }
        while !running.isFinished { clock.advance(by: .milliseconds(100)) }
        if operation.attempts > 3 { return "\(operation.attempts) attempts" }
        for (index, context) in operation.contexts.enumerated().dropFirst() {
          guard
            case .failure(let failure, let advice) = call.endings[
              min(index, call.endings.count) - 1
            ].outcome
          else { return "repeated a success" }
          if context.idempotency == .unsafe,
            [.maybeProcessed, .attemptTimedOut, .gatewayFailure, .serverError].contains(failure)
          {
            return "sent an unsafe request again after \(failure)"
          }
          if advice.pushback == .never { return "asked again against the server's word" }
          if operation.began[index] > start + call.deadline {
            return "an attempt past the deadline"
          }
        }
        let longest = clock.sleptUntil[slept...].max() ?? start
        let work = Duration.milliseconds(300)
        if longest > start + call.deadline + work { return "slept past the deadline" }
      }
      return nil
    }
  }
}
