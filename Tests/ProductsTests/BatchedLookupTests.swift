import EventLoops
import Synchronization
import Testing

@testable import Products

@Suite("A batched lookup", .timeLimit(.minutes(1)))
struct BatchedLookupTests {
  private let group = EventLoopGroup(count: 1)
  private struct Refused: Error {}

  /// What `load` was called with.
  private final class Calls: Sendable {
    private let keys = Mutex<[[Int]]>([])
    func note(_ more: [Int]) { keys.withLock { $0.append(more.sorted()) } }
    var all: [[Int]] { keys.withLock { $0 } }
  }

  /// Asks for each key from a task of its own, all made in one turn of the loop.
  private func ask(
    _ lookup: BatchedLookup<Int, String>, for keys: [Int]
  ) async -> [Result<String?, any Error>] {
    let loop = group.loops[0]
    return await Task(executorPreference: loop) {
      let tasks = keys.map { key in
        Task(executorPreference: loop) { () async throws -> String? in
          try await lookup.value(for: key)
        }
      }
      var results: [Result<String?, any Error>] = []
      for task in tasks { results.append(await task.result) }
      return results
    }.value
  }

  @Test("what is asked for in one turn is one call, each key once, and everybody gets their own")
  func oneTurn() async throws {
    let calls = Calls()
    let lookup = BatchedLookup<Int, String>(on: group) { keys in
      calls.note(keys)
      return keys.map { $0 == 7 ? nil : "value \($0)" }
    }
    let asked = (0..<40).map { $0 % 10 }
    let results = await ask(lookup, for: asked)
    #expect(calls.all == [Array(0..<10)])
    for (key, result) in zip(asked, results) {
      #expect(try result.get() == (key == 7 ? nil : "value \(key)"))
    }
    #expect(try await ask(lookup, for: [3])[0].get() == "value 3")
    #expect(calls.all.count == 2, "what was found is not kept")
    group.stop()
  }

  @Test("more keys than go into one call become several")
  func several() async throws {
    let calls = Calls()
    let lookup = BatchedLookup<Int, String>(on: group, keysMax: 16) { keys in
      calls.note(keys)
      return keys.map { "\($0)" }
    }
    let results = await ask(lookup, for: Array(0..<40))
    #expect(calls.all.map(\.count).sorted() == [8, 16, 16])
    #expect(try results.map { try $0.get() } == (0..<40).map { "\($0)" })
    group.stop()
  }

  @Test("a failure reaches all who asked, and nobody after them")
  func failure() async throws {
    let calls = Calls()
    let lookup = BatchedLookup<Int, String>(on: group) { keys in
      calls.note(keys)
      if calls.all.count == 1 { throw Refused() }
      return keys.map { $0 == 1 ? "now" : nil }
    }
    for result in await ask(lookup, for: [1, 1, 2]) {
      #expect(throws: Refused.self) { try result.get() }
    }
    #expect(try await ask(lookup, for: [1])[0].get() == "now")
    group.stop()
  }

  @Test("who is cancelled waits no longer, and those beside them get what they asked for")
  func cancellation() async throws {
    let gate = Mutex<CheckedContinuation<Void, Never>?>(nil)
    let lookup = BatchedLookup<Int, String>(on: group) { keys in
      await withCheckedContinuation { continuation in gate.withLock { $0 = continuation } }
      return keys.map { "\($0)" }
    }
    let loop = group.loops[0]
    let leaving = Task(executorPreference: loop) { try await lookup.value(for: 1) }
    let staying = Task(executorPreference: loop) { try await lookup.value(for: 1) }
    while gate.withLock({ $0 == nil }) { try await Task.sleep(for: .milliseconds(1)) }
    leaving.cancel()
    await #expect(throws: CancellationError.self) { try await leaving.value }
    gate.withLock { $0 }?.resume()
    #expect(try await staying.value == "1")
    group.stop()
  }
}
