import EventLoops
import Glibc
import Synchronization
import Testing

@Suite struct EventLoopTests {
  @Test("an action given from elsewhere runs on the loop, in order; one given there at once")
  func execute() async {
    let loop = running()
    let order = Shared<[Int]>([])
    let onLoop = await onLoop(loop) {
      for number in 1...3 { loop.execute { order.value.withLock { $0.append(number) } } }
      return loop.isCurrent && EventLoop.current === loop
    }
    #expect(onLoop)
    #expect(order.value.withLock { $0 } == [1, 2, 3])
    #expect(EventLoop.current == nil && !loop.isCurrent)
    loop.stop()
  }

  @Test("a task that prefers the loop stays on it, across suspensions and its child tasks")
  func tasksStay() async throws {
    let loop = running()
    let places = try await Task(executorPreference: loop) {
      var places = [loop.isCurrent]
      try await loop.sleep(for: .milliseconds(1))
      places.append(loop.isCurrent)
      await withCheckedContinuation { continuation in
        Task { continuation.resume() }
      }
      places.append(loop.isCurrent)
      async let child = loop.isCurrent
      places.append(await child)
      return places
    }.value
    #expect(places == [true, true, true, true])
    loop.stop()
  }

  @Test("many tasks from many threads all run")
  func manyTasks() async {
    let loop = running()
    let count = Shared(0)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<1000 {
        group.addTask(executorPreference: loop) {
          await Task.yield()
          count.value.withLock { $0 += 1 }
        }
      }
    }
    #expect(count.value.withLock { $0 } == 1000)
    loop.stop()
  }

  @Test("tasks that never pause do not keep descriptors and timers waiting")
  func fairness() async {
    let loop = running()
    let isOver = Shared(false)
    let spinner = Task(executorPreference: loop) {
      while !isOver.value.withLock({ $0 }) { await Task.yield() }
    }
    await withCheckedContinuation { continuation in
      loop.execute { loop.schedule(after: .milliseconds(2)) { continuation.resume() } }
    }
    isOver.value.withLock { $0 = true }
    await spinner.value
    loop.stop()
  }

  @Test("what was asked for before waiting runs once, after the jobs of the turn")
  func beforeWaiting() async {
    let loop = running()
    let order = Shared<[String]>([])
    await withCheckedContinuation { continuation in
      loop.execute {
        loop.beforeWaiting {
          order.value.withLock { $0.append("closing") }
          loop.schedule(after: .milliseconds(1)) { continuation.resume() }
        }
        Task(executorPreference: loop) { order.value.withLock { $0.append("job") } }
      }
    }
    #expect(order.value.withLock { $0 } == ["job", "closing"])
    loop.stop()
  }
}

/// A loop that runs.
func running() -> EventLoop {
  let loop = EventLoop()
  loop.start()
  return loop
}

/// What `body` returns on the loop's thread.
func onLoop<Value: Sendable>(
  _ loop: EventLoop, _ body: @escaping @Sendable () -> Value
) async -> Value {
  await withCheckedContinuation { continuation in
    loop.execute { continuation.resume(returning: body()) }
  }
}

/// A value that the loop's thread and a test both touch.
final class Shared<Value: Sendable>: Sendable {
  let value: Mutex<Value>

  init(_ value: Value) { self.value = Mutex(value) }
}
