import Dispatch
import EventLoops
import Testing

@Suite struct BlockingWorkTests {
  private struct Failure: Error {}

  @Test("work runs beside the loops and its value or error comes back to the caller's loop")
  func run() async throws {
    let loop = running()
    let work = BlockingWork(threads: 1, waitingMax: 4)
    let places = try await Task(executorPreference: loop) {
      [try await work.run { loop.isCurrent }, loop.isCurrent]
    }.value
    #expect(places == [false, true])
    await #expect(throws: Failure.self) { try await work.run { throw Failure() } }
    loop.stop()
  }

  @Test("as many run at once as there are threads, as many wait as may, the next is refused")
  func bounds() async throws {
    let work = BlockingWork(threads: 2, waitingMax: 3)
    let gate = DispatchSemaphore(value: 0)
    let running = Shared((now: 0, peak: 0))
    let outcomes = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<6 {
        group.addTask {
          do {
            try await work.run {
              running.value.withLock { $0 = ($0.now + 1, max($0.peak, $0.now + 1)) }
              gate.wait()
              running.value.withLock { $0.now -= 1 }
            }
            return true
          } catch {
            // The one that found no room; with it the others may go on.
            for _ in 0..<5 { gate.signal() }
            return false
          }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(outcomes.count { $0 } == 5)
    #expect(running.value.withLock { $0.peak } <= 2)
    #expect(try await work.run { 7 } == 7)
  }
}
