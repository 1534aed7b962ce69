import Testing

@testable import EventLoops

@Suite struct LoopTimerTests {
  @Test("timers fire in the order of their deadlines, never early")
  func order() async {
    let loop = running()
    let (fired, wanted) = await withCheckedContinuation { continuation in
      loop.execute {
        // By what the deadlines came to be: the thread may be stopped between one and the next.
        var due: [(number: Int, deadline: MonotonicTime)] = []
        var fired: [Int] = []
        for (number, milliseconds) in [(1, 6), (2, 2), (3, 4), (4, 0), (5, -3)] {
          let timer = loop.schedule(after: .milliseconds(milliseconds)) {
            fired.append(MonotonicTime.now() < due[number - 1].deadline ? -number : number)
            guard fired.count == due.count else { return }
            let wanted = due.sorted { $0.deadline < $1.deadline }.map(\.number)
            continuation.resume(returning: (fired, wanted))
          }
          due.append((number, timer.deadline))
        }
      }
    }
    #expect(fired == wanted)
    loop.stop()
  }

  @Test("timers of one deadline fire as they were scheduled")
  func equal() {
    let loop = EventLoop()
    let timer = LoopTimer(deadline: .now(), action: {}, loop: loop)
    let first = TimerEntry(deadline: timer.deadline, sequence: 1, timer: timer)
    let second = TimerEntry(deadline: timer.deadline, sequence: 2, timer: timer)
    #expect(first < second)
    #expect(!(second < first))
  }

  @Test("a cancelled timer does not fire and frees its action")
  func cancelled() async {
    let loop = running()
    let outcome: [Bool] = await withCheckedContinuation { continuation in
      loop.execute {
        final class Token {}
        var token: Token? = Token()
        weak let freed = token
        var hasFired = false
        let timer = loop.schedule(after: .milliseconds(1)) { [token] in hasFired = token != nil }
        token = nil
        timer.cancel()
        timer.cancel()
        let isFreed = freed == nil
        loop.schedule(after: .milliseconds(4)) {
          continuation.resume(returning: [isFreed, hasFired])
        }
      }
    }
    #expect(outcome == [true, false])
    loop.stop()
  }

  @Test("an action may schedule and cancel others")
  func nested() async {
    let loop = running()
    let fired: Int = await withCheckedContinuation { continuation in
      loop.execute {
        var fired = 0
        let later = loop.schedule(after: .milliseconds(2)) { fired += 100 }
        loop.schedule(after: .milliseconds(1)) {
          fired += 1
          later.cancel()
          loop.schedule(after: .milliseconds(3)) { continuation.resume(returning: fired) }
        }
      }
    }
    #expect(fired == 1)
    loop.stop()
  }

  @Test("cancelled timers of a distant hour do not pile up, and the others still fire")
  func pruning() async {
    let loop = running()
    let (fired, left): (Bool, Int) = await withCheckedContinuation { continuation in
      loop.execute {
        var fired = false
        loop.schedule(after: .milliseconds(1)) { fired = true }
        for _ in 0..<100_000 { loop.schedule(after: .seconds(3600)) {}.cancel() }
        loop.schedule(after: .milliseconds(2)) {
          continuation.resume(returning: (fired, loop.timers.count))
        }
      }
    }
    #expect(fired)
    #expect(left < 3000)
    loop.stop()
  }
}
