/// The loop of every watch: long polls, paced, with a backoff after failures, and what their answers
/// mean by `WatchState`.
struct WatchLoop<Value: Watched>: Sendable {
  struct Answer: Sendable {
    let value: Value
    let index: UInt64
    let hasLeader: Bool
  }

  enum Event {
    case found(WatchState<Value>.Finding, index: UInt64)
    /// An absence that is not believed yet; told once for each return of Consul. Another finding
    /// ends it, or `returned`.
    case held
    /// What was held is there again.
    case returned
    /// One more try failed. News at first, then at most once a minute until one succeeds.
    case failed(ConsulError, isNews: Bool)
    case recovered
    /// Consul's index went back: its servers have lost their state.
    case indexWentBack
  }

  private static var warnEvery: Duration { .seconds(60) }

  /// Asks Consul once, as long as the request says.
  let ask: @Sendable (WatchState<Value>.Request) async throws -> Answer

  /// Watches until its task is cancelled, which it obeys at once.
  ///
  /// - Parameter known: of an earlier loop.
  func run(known: Value?, tell: (Event) -> Void) async {
    var watch = WatchState(known: known, at: .now)
    var pacer = RequestPacer()
    var backoff = ConsulBackoff()
    var random = SystemRandomNumberGenerator()
    var warnedAt: ContinuousClock.Instant?
    var isHolding = false
    do {
      while true {
        try await Task.sleep(for: pacer.take(at: .now))
        do {
          let answer = try await ask(watch.nextRequest(at: .now))
          guard answer.hasLeader else { throw ConsulError.noLeader }
          if warnedAt != nil { tell(.recovered) }
          warnedAt = nil
          backoff.reset()
          let resets = watch.indexResets
          let finding = watch.received(answer.value, index: answer.index, at: .now)
          if watch.indexResets > resets { tell(.indexWentBack) }
          if finding == .held, !isHolding { tell(.held) }
          // What was held against an absence is what Consul has: nobody is told of another list.
          if finding == .confirmed, isHolding { tell(.returned) }
          isHolding = finding == .held
          tell(.found(finding, index: answer.index))
        } catch let error as ConsulError {
          watch.failed()
          isHolding = false
          let isNews = warnedAt.map { .now - $0 >= Self.warnEvery } ?? true
          if isNews { warnedAt = .now }
          tell(.failed(error, isNews: isNews))
          try await Task.sleep(for: backoff.next(after: error, using: &random))
        }
      }
    } catch {
      // Only cancellation leads here: the caller's wish, not a failure.
    }
  }
}
