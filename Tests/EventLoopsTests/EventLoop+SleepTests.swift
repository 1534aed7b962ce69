import EventLoops
import Testing

@Suite struct EventLoopSleepTests {
  @Test("a sleep lasts as long as it was asked to")
  func lasts() async throws {
    let loop = running()
    let start = MonotonicTime.now()
    try await loop.sleep(for: .milliseconds(3))
    #expect(MonotonicTime.now() - start >= .milliseconds(3))
    loop.stop()
  }

  @Test("a cancelled sleep ends at once, whether it had begun or not")
  func cancelled() async {
    let loop = running()
    for isBegun in [true, false] {
      let sleeper = Task(executorPreference: loop) {
        try await loop.sleep(for: .seconds(3600))
      }
      // Two turns of the loop: the task has run by then.
      if isBegun { for _ in 0..<2 { await onLoop(loop) {} } }
      sleeper.cancel()
      await #expect(throws: CancellationError.self) { try await sleeper.value }
    }
    loop.stop()
  }
}
