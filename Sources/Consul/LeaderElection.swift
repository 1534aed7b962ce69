/// What became of a candidacy.
package enum ElectionEvent: Sendable, Equatable {
  case elected(LeaderElection.Term)
  /// The term is over: its session or its lock was lost, the session could not be renewed in time,
  /// its work ended, or the candidate was cancelled.
  case steppedDown
  /// Consul does not answer or refuses; it is tried again. Told at most once a minute until a
  /// session has held for its time.
  case failed(ConsulError)
}

/// Sees to it that of several processes one at a time does some work: it holds the lock of a key in
/// Consul's store, by a session that it keeps renewing (Consul's guide "Application leader elections with
/// sessions").
///
/// A leader that is told to stop gives the lock back, and another takes over at once. One that is killed is
/// replaced when its session has ended: after `settings.ttl` at the least, twice that and the lock's delay
/// at the most. One that cannot reach Consul stops by itself before Consul may give the lock to another; but
/// a process that stands still cannot stop, so work that must never be done by two carries the term's number
/// to where it is done.
package struct LeaderElection: Sendable {
  /// One time of leading. No two have the same number and session.
  package struct Term: Sendable, Equatable {
    /// The id of the session that holds the lock.
    package let session: String
    /// Grows with each term of the key, for as long as Consul keeps its store.
    package let number: UInt64
  }

  /// How soon a leader that is gone, or cut off, is replaced.
  package struct Settings: Sendable {
    /// How long a session lives without being renewed; Consul takes 10 s through 24 h.
    package var ttl: Duration = .seconds(10)
    /// How long a lock stays closed whose session ended without giving it back.
    package var lockDelay: Duration = .seconds(1)
    /// So long before the session may end, a leader that could not renew it stops.
    package var margin: Duration = .seconds(2)

    package init() {}
  }

  private static let refusedPause: Duration = .milliseconds(500)
  private static let renewalPause: Duration = .milliseconds(200)
  private static let leavingCallTimeout: Duration = .seconds(1)
  private static let warnEvery: Duration = .seconds(60)

  /// Whose lock the leader holds. All candidates for the same work name the same.
  package let key: String
  /// Written to the key by the leader: who it is.
  private let candidate: String
  private let client: ConsulClient
  private let settings: Settings
  private let report: @Sendable (ElectionEvent) -> Void

  /// - Parameters:
  ///   - candidate: for people who look at the key.
  ///   - report: called from `run`.
  package init(
    key: String, candidate: String, client: ConsulClient, settings: Settings = Settings(),
    report: @escaping @Sendable (ElectionEvent) -> Void = { _ in }
  ) {
    self.key = key
    self.candidate = candidate
    self.client = client
    self.settings = settings
    self.report = report
  }

  /// Stands for election until `lead` has returned, or the task is cancelled.
  ///
  /// - Parameter lead: runs once for each term, and is cancelled when the term is over: it must end soon
  ///   then, within `settings.margin`.
  /// - Throws: what `lead` throws in a term that goes on; `CancellationError`.
  package func run(_ lead: @escaping @Sendable (Term) async throws -> Void) async throws {
    var backoff = ConsulBackoff()
    var random = SystemRandomNumberGenerator()
    var warnedAt: ContinuousClock.Instant?
    while true {
      let began = ContinuousClock.now
      do {
        if try await candidacy(lead) { return }
      } catch let error as ConsulError {
        // After a session that held for its time it is another failure. One that never did is the same
        // one again: what opens sessions and gives no locks would be asked without a pause.
        if .now - began >= settings.ttl {
          backoff.reset()
          warnedAt = nil
        }
        if warnedAt.map({ .now - $0 >= Self.warnEvery }) ?? true {
          warnedAt = .now
          report(.failed(error))
        }
        try await Task.sleep(for: backoff.next(after: error, using: &random))
      }
    }
  }

  // MARK: One session

  private enum End: Sendable {
    /// Of the session: it was lost, or not renewed in time.
    case sessionOver
    case workDone
  }

  /// One session, from its creation to its end.
  ///
  /// - Returns: whether the work is done.
  private func candidacy(
    _ lead: @escaping @Sendable (Term) async throws -> Void
  ) async throws -> Bool {
    let began = ContinuousClock.now
    let session = try await client.createSession(
      name: "\(key) \(candidate)", ttl: settings.ttl, lockDelay: settings.lockDelay)
    let result: Result<End, any Error>
    do {
      result = .success(
        try await withThrowingTaskGroup(of: End.self) { group in
          group.addTask {
            try await keep(session, from: began)
            return .sessionOver
          }
          group.addTask {
            try await campaign(session, lead)
            return .workDone
          }
          defer { group.cancelAll() }
          return try await group.next() ?? .sessionOver
        })
    } catch {
      result = .failure(error)
    }
    await leave(session)
    return try result.get() == .workDone
  }

  /// Renews the session. Returns when it is lost, or when Consul may end it before it could be renewed.
  private func keep(_ session: String, from began: ContinuousClock.Instant) async throws {
    let patience = settings.ttl - settings.margin
    var stopAt = began + patience
    var next = began + settings.ttl / 3
    while true {
      try await Task.sleep(until: min(next, stopAt), clock: .continuous)
      let start = ContinuousClock.now
      guard start < stopAt else { return }
      do {
        try await client.renewSession(session, timeout: stopAt - start)
        stopAt = start + patience
        next = start + settings.ttl / 3
      } catch ConsulError.notFound {
        return
      } catch is ConsulError {
        next = .now + Self.renewalPause
      }
    }
  }

  /// Waits for the lock, leads while it is ours, and begins again when it is not any more. Returns when
  /// the work is done.
  private func campaign(
    _ session: String, _ lead: @escaping @Sendable (Term) async throws -> Void
  ) async throws {
    var pacer = RequestPacer()
    while true {
      try await Task.sleep(for: pacer.take(at: .now))
      let isTaken = try await client.acquire(key, session: session, value: candidate)
      var lock = try await client.lock(of: key)
      if isTaken, lock.session == session {
        if try await term(Term(session: session, number: lock.lockIndex), lead) { return }
      } else if lock.session == nil {
        // Free, but not yet to be had: its last holder did not give it back.
        try await Task.sleep(for: Self.refusedPause)
      } else {
        while lock.session != nil {
          try await Task.sleep(for: pacer.take(at: .now))
          lock = try await next(after: lock)
        }
      }
    }
  }

  /// - Returns: whether the work is done, rather than the lock somebody else's.
  private func term(
    _ term: Term, _ lead: @escaping @Sendable (Term) async throws -> Void
  ) async throws -> Bool {
    report(.elected(term))
    defer { report(.steppedDown) }
    return try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await lead(term)
        return true
      }
      group.addTask {
        try await holding(term)
        return false
      }
      defer { group.cancelAll() }
      return try await group.next() ?? false
    }
  }

  /// Returns when the lock is not the term's any more. Consul's silence is for `keep` to judge.
  private func holding(_ term: Term) async throws {
    var lock = KeyLock(
      session: term.session, lockIndex: term.number, value: nil, index: 0, hasLeader: true)
    var pacer = RequestPacer()
    var backoff = ConsulBackoff()
    var random = SystemRandomNumberGenerator()
    while lock.session == term.session {
      do {
        try await Task.sleep(for: pacer.take(at: .now))
        lock = try await next(after: lock)
        backoff.reset()
      } catch let error as ConsulError {
        try await Task.sleep(for: backoff.next(after: error, using: &random))
      }
    }
  }

  /// The key's lock once it has changed, or after the poll's time.
  private func next(after lock: KeyLock) async throws -> KeyLock {
    let answer = try await client.lock(of: key, index: lock.index)
    guard answer.hasLeader else { throw ConsulError.noLeader }
    // An index that went back is one of servers that have lost their state: it would be waited for in vain.
    guard answer.index >= lock.index else { return try await client.lock(of: key) }
    return answer
  }

  /// Gives the lock back and ends the session, so that another need not wait for either. Works in a
  /// cancelled task too; what fails ends by itself when the session is not renewed.
  private func leave(_ session: String) async {
    let (client, key) = (client, key)
    await Task {
      try? await client.release(key, session: session, timeout: Self.leavingCallTimeout)
      try? await client.destroySession(session, timeout: Self.leavingCallTimeout)
    }.value
  }
}
