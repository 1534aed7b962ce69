import EventLoops
import Synchronization

/// Calls made at a steady rate, whatever becomes of those before: an open load.
final class Load: Sendable {
  struct Call: Sendable {
    let sent: MonotonicTime
    let ended: MonotonicTime
    /// Nil for a success.
    let failure: String?
  }

  /// Characters of a reason in the table.
  static let reasonMax = 240

  private let perSecond: Int
  private let loop: EventLoop
  /// Returns why the call of that number failed, nil if it did not.
  private let call: @Sendable (Int) async -> String?
  private let isStopped = Atomic(false)
  private let made = Mutex<[Call]>([])

  init(
    perSecond: Int, on loop: EventLoop, _ call: @escaping @Sendable (_ number: Int) async -> String?
  ) {
    self.perSecond = perSecond
    self.loop = loop
    self.call = call
  }

  /// Runs `body` with the load beside it; returns when every call has ended.
  func beside<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
    async let running: Void = run()
    do {
      let value = try await body()
      isStopped.store(true, ordering: .relaxed)
      try await running
      return value
    } catch {
      isStopped.store(true, ordering: .relaxed)
      // The body's error is the one to tell.
      _ = try? await running
      throw error
    }
  }

  private func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      let began = MonotonicTime.now()
      var number = 0
      while !isStopped.load(ordering: .relaxed) {
        let due = began + .seconds(1) * number / perSecond
        try await loop.sleep(for: max(.zero, due - MonotonicTime.now()))
        group.addTask(executorPreference: loop) { [number] in await self.make(number) }
        number += 1
      }
      try await group.waitForAll()
    }
  }

  private func make(_ number: Int) async {
    let sent = MonotonicTime.now()
    let failure = await call(number)
    made.withLock { $0.append(Call(sent: sent, ended: .now(), failure: failure)) }
  }

  var calls: [Call] { made.withLock { $0 } }
  var failures: [String] { calls.compactMap(\.failure) }

  /// "0 of 4000", or with the first reason: "2 of 4000 (503)".
  var failuresText: String { Self.text(failures, of: calls.count) }

  /// The same for the calls of many loads together.
  static func text(_ failures: [String], of calls: Int) -> String {
    "\(failures.count) of \(calls)"
      + (failures.first.map { " (\($0.prefix(reasonMax)))" } ?? "")
  }
}
