import EventLoops

/// Keys of a call under load, about.
private let usualCount = 24

/// Looks things up for several callers at once: what is asked for in one turn of an event loop becomes one
/// call of `load` (the pattern of Facebook's DataLoader), and where several ask in a turn, what is asked for
/// in the next one too. The loop does not sleep in between: nobody waits for callers who do not come.
///
/// A call of `load` belongs to no caller: it has neither their deadline nor their request's ids.
final class BatchedLookup<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  /// Finds values for keys, each given once, and answers in their order: nil for what does not exist.
  typealias Load = @Sendable (_ keys: [Key]) async throws -> [Value?]

  private let group: EventLoopGroup
  private let gatherings: [Gathering<Key, Value>]

  /// - Parameter keysMax: more than that in one turn become a further call.
  init(on group: EventLoopGroup, keysMax: Int = 256, load: @escaping Load) {
    self.group = group
    gatherings = group.loops.map { Gathering(loop: $0, keysMax: keysMax, load: load) }
  }

  /// - Throws: what `load` throws; `CancellationError` as soon as the task is cancelled.
  nonisolated(nonsending) func value(for key: Key) async throws -> Value? {
    try Task.checkCancellation()
    let loop = group.preferred
    let gathering = gatherings[loop.index]
    let waiter = Waiter<Value>()
    await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        loop.execute {
          if waiter.begin(continuation) { gathering.add(waiter, for: key) }
        }
      }
    } onCancel: {
      loop.execute { waiter.end(.failure(CancellationError())) }
    }
    return try waiter.result.get()
  }
}

/// The keys asked for on one loop since the last call, and who asked.
private final class Gathering<Key: Hashable & Sendable, Value: Sendable>: @unchecked Sendable {
  // @unchecked: touched on its loop's thread alone.

  private let loop: EventLoop
  private let keysMax: Int
  private let load: BatchedLookup<Key, Value>.Load
  private var batch = Batch<Key, Value>()

  init(loop: EventLoop, keysMax: Int, load: @escaping BatchedLookup<Key, Value>.Load) {
    self.loop = loop
    self.keysMax = keysMax
    self.load = load
  }

  func add(_ waiter: Waiter<Value>, for key: Key) {
    let isFirst = batch.keys.isEmpty
    batch.add(waiter, for: key)
    if batch.keys.count == keysMax {
      start()
    } else if isFirst {
      loop.beforeWaiting { [self] in
        if batch.waiters.count == 1 { return start() }
        loop.beforeWaiting { [self] in start() }
      }
    }
  }

  private func start() {
    let taken = take()
    Task.detached(executorPreference: loop) { await self.run(taken) }
  }

  private func take() -> Batch<Key, Value> {
    defer { batch = Batch() }
    return batch
  }

  private func run(_ batch: Batch<Key, Value>) async {
    guard !batch.keys.isEmpty else { return }
    do {
      let values = try await load(batch.keys)
      for (waiter, place) in batch.waiters { waiter.end(.success(values[place])) }
    } catch {
      for (waiter, _) in batch.waiters { waiter.end(.failure(error)) }
    }
  }
}

/// What is asked for in one turn.
private struct Batch<Key: Hashable & Sendable, Value: Sendable> {
  /// Each once.
  private(set) var keys: [Key] = []
  private(set) var waiters: [(waiter: Waiter<Value>, place: Int)] = []
  private var places: [Key: Int] = [:]

  mutating func add(_ waiter: Waiter<Value>, for key: Key) {
    // Growing would hash the keys again.
    if keys.isEmpty { places.reserveCapacity(usualCount) }
    if key == keys.last {
      waiters.append((waiter, keys.count - 1))
    } else if let place = places[key] {
      waiters.append((waiter, place))
    } else {
      places[key] = keys.count
      waiters.append((waiter, keys.count))
      keys.append(key)
    }
  }
}

/// One caller. Belongs to its loop's thread until it has ended, then to the caller.
private final class Waiter<Value: Sendable>: @unchecked Sendable {
  private(set) var result: Result<Value?, any Error> = .success(nil)
  private var isEnded = false
  private var continuation: UnsafeContinuation<Void, Never>?

  /// - Returns: whether there is still anything to wait for.
  func begin(_ continuation: UnsafeContinuation<Void, Never>) -> Bool {
    if isEnded {
      continuation.resume()
      return false
    }
    self.continuation = continuation
    return true
  }

  /// A second call does nothing: the value of a caller that was cancelled comes too late.
  func end(_ result: Result<Value?, any Error>) {
    guard !isEnded else { return }
    isEnded = true
    self.result = result
    continuation?.resume()
    continuation = nil
  }
}
