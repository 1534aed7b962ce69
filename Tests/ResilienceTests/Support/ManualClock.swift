import Resilience
import Synchronization

/// A clock that a test moves. Tasks run on its own executor, in the test's thread, so that a test sees
/// everything that follows from a step of time, and nothing else ever happens.
final class ManualClock: ResilienceClock {
  private struct Sleeper: Sendable {
    let number: Int
    let end: MonotonicInstant
    let continuation: CheckedContinuation<Bool, Never>
  }

  private struct State: Sendable {
    var now: MonotonicInstant
    var sleepers: [Sleeper] = []
    var sleepersMade = 0
    var sleptUntil: [MonotonicInstant] = []
  }

  let executor = ManualExecutor()
  private let state: Mutex<State>
  /// By how much the coarse reading is late.
  private let coarseLag: Duration

  init(startingAt nanoseconds: Int64 = 1_000_000_000, coarseLag: Duration = .zero) {
    self.coarseLag = coarseLag
    state = Mutex(State(now: MonotonicInstant(nanoseconds: nanoseconds)))
  }

  var now: MonotonicInstant { state.withLock { $0.now } }

  var coarseNow: MonotonicInstant {
    MonotonicInstant(nanoseconds: now.nanoseconds - Int64(coarseLag / .nanoseconds(1)))
  }

  /// Tasks asleep on this clock.
  var sleeping: Int { state.withLock { $0.sleepers.count } }

  /// When each sleep was to end, in the order in which the sleeps began.
  var sleptUntil: [MonotonicInstant] { state.withLock { $0.sleptUntil } }

  nonisolated(nonsending) func sleep(until instant: MonotonicInstant) async throws {
    let number = state.withLock { state in
      state.sleepersMade += 1
      state.sleptUntil.append(instant)
      return state.sleepersMade
    }
    let isRested = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let ending: Bool? = state.withLock { state in
          if Task.isCancelled { return false }
          if state.now >= instant { return true }
          state.sleepers.append(
            Sleeper(number: number, end: instant, continuation: continuation))
          return nil
        }
        if let ending { continuation.resume(returning: ending) }
      }
    } onCancel: {
      wake(number)
    }
    if !isRested { throw CancellationError() }
  }

  private func wake(_ number: Int) {
    let sleeper = state.withLock { state -> Sleeper? in
      guard let index = state.sleepers.firstIndex(where: { $0.number == number }) else {
        return nil
      }
      return state.sleepers.remove(at: index)
    }
    sleeper?.continuation.resume(returning: false)
  }

  /// Moves time on, waking sleepers by (end, registration), each at its own instant, and runs every
  /// woken task to its next suspension before the next one is woken.
  func advance(by duration: Duration) {
    executor.drain()
    let target = now + duration
    while let sleeper = nextSleeper(upTo: target) {
      sleeper.continuation.resume(returning: true)
      executor.drain()
    }
    state.withLock { $0.now = target }
  }

  private func nextSleeper(upTo target: MonotonicInstant) -> Sleeper? {
    state.withLock { state in
      let due = state.sleepers.filter { $0.end <= target }
      guard let next = due.min(by: { ($0.end, $0.number) < ($1.end, $1.number) }) else {
        return nil
      }
      state.sleepers.removeAll { $0.number == next.number }
      state.now = max(state.now, next.end)
      return next
    }
  }

  /// Starts a task on this clock's executor and runs it to its first suspension.
  func start<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) -> Running<Value> {
    let running = Running<Value>()
    running.task.withLock { task in
      task = Task(executorPreference: executor) {
        let result: Result<Value, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        running.box.withLock { $0 = result }
      }
    }
    executor.drain()
    return running
  }

  /// Runs `body` to its end, moving time as far as its sleeps need.
  func run<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) throws -> Value {
    let running = start(body)
    while running.result == nil, let end = state.withLock({ $0.sleepers.map(\.end).min() }) {
      advance(by: end - now)
    }
    guard let result = running.result else { throw NeverFinished() }
    return try result.get()
  }

  struct NeverFinished: Error {}
}

/// A task that a test started on a manual clock.
final class Running<Value: Sendable>: Sendable {
  fileprivate let box = Mutex<Result<Value, any Error>?>(nil)
  fileprivate let task = Mutex<Task<Void, Never>?>(nil)

  /// nil while it runs.
  var result: Result<Value, any Error>? { box.withLock { $0 } }
  var isFinished: Bool { result != nil }
  var error: (any Error)? {
    if case .failure(let error) = result { error } else { nil }
  }

  /// Cancels it and runs what follows from that.
  func cancel(_ clock: ManualClock) {
    task.withLock { $0 }?.cancel()
    clock.executor.drain()
  }
}

/// Runs jobs in the thread that drains it, in the order of their arrival.
final class ManualExecutor: TaskExecutor {
  private let jobs = Mutex<[UnownedJob]>([])

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.withLock { $0.append(job) }
  }

  func drain() {
    while let job = jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
      job.runSynchronously(on: asUnownedTaskExecutor())
    }
  }
}
