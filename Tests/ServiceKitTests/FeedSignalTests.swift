import EventLoops
import Testing

@testable import ServiceKit

@Suite("The feed's signal", .timeLimit(.minutes(1)))
struct FeedSignalTests {
  private let signal = FeedSignal()
  private let loop = KitBench.loops.preferred

  @Test("who looked before the signal was raised does not wait for the next one")
  func missed() async {
    let seen = signal.count(.numbered)
    signal.raise(.numbered)
    await signal.wait(for: .numbered, since: seen, limit: .seconds(3600), on: loop)
    #expect(signal.count(.numbered) == seen + 1)
  }

  @Test("all who wait are woken by one signal")
  func wakes() async {
    let seen = signal.count(.unnumbered)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<10 {
        group.addTask {
          await signal.wait(for: .unnumbered, since: seen, limit: .seconds(3600), on: loop)
        }
      }
      group.addTask { signal.raise(.unnumbered) }
    }
  }

  @Test("a signal of the other kind wakes nobody; the limit does")
  func limit() async {
    let start = ContinuousClock.now
    signal.raise(.unnumbered)
    await signal.wait(
      for: .numbered, since: signal.count(.numbered), limit: .milliseconds(20), on: loop)
    #expect(start.duration(to: .now) >= .milliseconds(20))
  }

  @Test("who is cancelled no longer waits")
  func cancelled() async {
    let task = Task {
      await signal.wait(
        for: .numbered, since: signal.count(.numbered), limit: .seconds(3600), on: loop)
    }
    task.cancel()
    await task.value
    // Nor does the signal still know of it.
    signal.raise(.numbered)
  }
}
