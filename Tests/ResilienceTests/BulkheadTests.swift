import Resilience
import Synchronization
import Testing

@Suite("bulkhead")
struct BulkheadTests {
  let clock = ManualClock()

  func bulkhead(
    running: Int = 1, waiting: Int = 2, wait: Duration = .seconds(1)
  ) throws -> Bulkhead {
    Bulkhead(
      name: "payment",
      config: try BulkheadConfig(
        BulkheadSettings(concurrentMax: running, waitersMax: waiting, waitMax: wait)),
      clock: clock)
  }

  /// Enters, notes `number`, works, leaves.
  func call(
    _ bulkhead: Bulkhead, _ number: Int = 0, work: Duration, deadline: Deadline = .none,
    order: EventRecorder<Int> = EventRecorder()
  ) -> Running<Void> {
    let clock = clock
    return clock.start {
      let place = try await bulkhead.enter(deadline: deadline)
      order.record(number)
      try await clock.sleep(until: clock.now + work)
      place.leave()
    }
  }

  @Test("who waits enters in the order of arrival, and nobody overtakes")
  func order() throws {
    let (bulkhead, order) = (try bulkhead(waiting: 10), EventRecorder<Int>())
    for number in 1...5 {
      _ = call(bulkhead, number, work: .milliseconds(100), order: order)
    }
    #expect(bulkhead.running == 1)
    #expect(bulkhead.waiting == 4)
    clock.advance(by: .milliseconds(100))
    _ = call(bulkhead, 6, work: .zero, order: order)
    clock.advance(by: .milliseconds(400))
    #expect(order.events == [1, 2, 3, 4, 5, 6])
    #expect(bulkhead.running == 0)
    #expect(bulkhead.waiting == 0)
    #expect(clock.sleeping == 0)
  }

  @Test("past the queue's bound a call is refused at once")
  func fullQueue() throws {
    let bulkhead = try bulkhead()
    for _ in 0..<3 { _ = call(bulkhead, work: .seconds(5)) }
    let refused = call(bulkhead, work: .zero)
    #expect(refused.error as? BulkheadFull == BulkheadFull(name: "payment", reason: .queueFull))
  }

  @Test("without a wait there is no queue")
  func noWait() throws {
    let bulkhead = try bulkhead(wait: .zero)
    _ = call(bulkhead, work: .seconds(5))
    #expect(call(bulkhead, work: .zero).error is BulkheadFull)
  }

  @Test("a wait ends after its longest time")
  func longestWait() throws {
    let bulkhead = try bulkhead()
    _ = call(bulkhead, work: .seconds(5))
    let waiter = call(bulkhead, work: .zero)
    clock.advance(by: .milliseconds(999))
    #expect(!waiter.isFinished)
    clock.advance(by: .milliseconds(1))
    #expect(
      waiter.error as? BulkheadFull == BulkheadFull(name: "payment", reason: .waitedTooLong))
    #expect(bulkhead.waiting == 0)
  }

  @Test("a deadline that passes in the queue says where")
  func deadline() throws {
    let bulkhead = try bulkhead()
    _ = call(bulkhead, work: .seconds(5))
    let waiter = call(
      bulkhead, work: .zero, deadline: Deadline(after: .milliseconds(300), from: clock.now))
    clock.advance(by: .milliseconds(300))
    #expect(waiter.error as? DeadlineExceeded == DeadlineExceeded(place: .queue))
  }

  @Test("a cancelled waiter leaves the queue at once and takes no place with it")
  func cancellation() throws {
    let (bulkhead, order) = (try bulkhead(), EventRecorder<Int>())
    _ = call(bulkhead, 1, work: .milliseconds(500), order: order)
    let cancelled = call(bulkhead, 2, work: .zero, order: order)
    _ = call(bulkhead, 3, work: .zero, order: order)
    cancelled.cancel(clock)
    #expect(cancelled.error is CancellationError)
    #expect(bulkhead.waiting == 1)
    clock.advance(by: .milliseconds(500))
    #expect(order.events == [1, 3])
    #expect(bulkhead.running == 0)
  }

  @Test("a dropped place is free again")
  func dropped() async throws {
    let bulkhead = try bulkhead()
    for _ in 0..<10 { _ = try await bulkhead.enter() }
    #expect(bulkhead.running == 0)
  }

  enum Step { case call(Int), cancel(Int), advance(Int) }

  @Test("whatever calls, cancels and waits, the bounds hold and all places come back")
  func bounds() {
    expectNoFault { random -> [Step] in
      (0..<random.int(1...80)).map { _ in
        switch random.int(1...100) {
        case ...50: .call(random.pick([0, 1, 100, 400, 3_000]))
        case ...65: .cancel(random.int(0...20))
        default: .advance(random.pick([0, 1, 50, 100, 1_000]))
        }
      }
    } fault: { steps, _ in
      let test = BulkheadTests()
      guard let bulkhead = try? test.bulkhead(running: 3, waiting: 4) else { return "refused" }
      var calls: [Running<Void>] = []
      for step in steps {
        switch step {
        case .call(let work): calls.append(test.call(bulkhead, work: .milliseconds(work)))
        case .cancel(let index):
          if !calls.isEmpty { calls[index % calls.count].cancel(test.clock) }
        case .advance(let time): test.clock.advance(by: .milliseconds(time))
        }
        if bulkhead.running > 3 || bulkhead.waiting > 4 {
          return "\(bulkhead.running) run and \(bulkhead.waiting) wait"
        }
        if bulkhead.waiting > 0 && bulkhead.running < 3 { return "waits beside a free place" }
      }
      test.clock.advance(by: .seconds(10))
      if calls.contains(where: { !$0.isFinished }) { return "a call never ended" }
      if bulkhead.running != 0 || bulkhead.waiting != 0 { return "a place was lost" }
      return test.clock.sleeping == 0 ? nil : "a timer was left"
    }
  }
}
