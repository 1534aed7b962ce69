import Testing

@testable import EventLoops

@Suite struct LoopTimerTests {
  @Test("timers fire in the order of their deadlines, never early, equal ones as scheduled")
  func order() async {
    let loop = running()
    let fired: [Int] = await withCheckedContinuation { continuation in
      loop.execute {
        var fired: [Int] = []
        for (number, milliseconds) in [(1, 6), (2, 2), (3, 4), (4, 0), (5, -3)] {
          let start = MonotonicTime.now()
          loop.schedule(after: .milliseconds(milliseconds)) {
            fired.append(number)
            if MonotonicTime.now() < start + .milliseconds(milliseconds) { fired.append(-number) }
            if number == 1 { continuation.resume(returning: fired) }
          }
        }
      }
    }
    #expect(fired == [5, 4, 2, 3, 1])
    loop.stop()
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
