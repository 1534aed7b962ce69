import Foundation

/// Does to a running copy what a plan says.
struct Blows: Sendable {
  let state: StateDirectory
  let plan: Plan
  let administration: AdminAPI
  /// Told of each blow with the time since the start, and whether it found something to hit.
  let told: @Sendable (Duration, Blow, Bool) -> Void

  /// How long the services may take to be ready again once nothing is done to them any more.
  static let mendedWithin: Duration = .seconds(120)
  /// Between two looks at how the services are.
  private static let lookInterval: Duration = .milliseconds(500)

  /// - Returns: how many blows of each kind hit something.
  func run(_ steps: [ChaosPlan.Step], since start: ContinuousClock.Instant) async -> [String: Int] {
    await withTaskGroup(of: (String, Bool).self) { group in
      for step in steps {
        group.addTask {
          // Cancelled, it is over.
          try? await Task.sleep(until: start + step.at, clock: .continuous)
          if Task.isCancelled { return (step.blow.kind, false) }
          let hasHit = await strike(step.blow, at: step.at)
          return (step.blow.kind, hasHit)
        }
      }
      return await group.reduce(into: [:]) { if $1.1 { $0[$1.0, default: 0] += 1 } }
    }
  }

  private func strike(_ blow: Blow, at time: Duration) async -> Bool {
    switch blow {
    case .kill(let service, let down):
      let hasHit = send(SIGKILL, to: service)
      told(time, blow, hasHit)
      await pause(down)
      startAgain(service)
      return hasHit
    case .freeze(let service, let duration):
      guard let process = process(service) else {
        told(time, blow, false)
        return false
      }
      process.send(SIGSTOP)
      told(time, blow, true)
      await pause(duration)
      process.send(SIGCONT)
      return true
    case .fault(let service, let point, let action, let times):
      let rule = AdminAPI.Rule(point: point, action: action, times: times)
      // A service that is down now cannot be told.
      let hasHit = (try? await administration.add(rule, to: service)) != nil
      told(time, blow, hasHit)
      return hasHit
    case .killConsul:
      let hasHit = send(SIGKILL, to: "consul")
      told(time, blow, hasHit)
      return hasHit
    case .killDatabase:
      // The lock file of a server that is gone may name a stranger's process.
      let postmaster = await database()?.process.flatMap {
        ProcessIdentity.command(of: $0.pid)?.contains("postgres") == true ? $0 : nil
      }
      postmaster?.send(SIGKILL)
      told(time, blow, postmaster != nil)
      return postmaster != nil
    case .restartDatabase:
      // The supervisor starts it again. One that does not stop in order is what the plan wanted, too.
      let database = await database()
      told(time, blow, database != nil)
      try? await database?.stop()
      return database != nil
    }
  }

  /// nil where the database is somebody else's.
  private func database() async -> PrivatePostgres? {
    guard plan.ownsDatabase else { return nil }
    // Programs that were there when it was started are there.
    return try? await PrivatePostgres(plan)
  }

  private func process(_ name: String) -> ProcessIdentity? {
    PrivateFile.read(ProcessRecord.self, from: state.recordPath(name))?.process
      .flatMap { $0.isAlive ? $0 : nil }
  }

  private func send(_ signal: Int32, to name: String) -> Bool {
    guard let process = process(name) else { return false }
    process.send(signal)
    return true
  }

  /// Spares a service the supervisor's growing pause, which would leave the shop down for most of the run.
  private func startAgain(_ service: String) {
    let record = PrivateFile.read(ProcessRecord.self, from: state.recordPath(service))
    // One that comes at once needs no request, which would find it started and start it anew.
    guard record?.state == .waiting,
      let pause = record?.nextStartAt?.timeIntervalSinceNow, pause > 0.5,
      let supervisor = SupervisorRecord.living(state)
    else { return }
    // Without the request the supervisor starts it all the same, later.
    try? PrivateFile.write(Data(), to: "\(state.runPath)/\(service).restart")
    supervisor.process.send(SIGHUP)
  }

  /// Starts a service again soon after each of its deaths, until the task is cancelled: the supervisor waits for
  /// twice as long after each, in the end longer than an order may take.
  func keepUp(_ service: String) async {
    while !Task.isCancelled {
      startAgain(service)
      await pause(Self.lookInterval)
    }
  }

  /// - Returns: whether no service has a rule any more.
  private func forgetFaults() async -> Bool {
    do {
      for service in ServiceEntry.all { try await administration.clear(service.short) }
      return true
    } catch {
      return false  // one of them has just gone; it is looked at again
    }
  }

  /// Ends all that is still being done, and waits until everything is ready.
  ///
  /// - Returns: what is not ready in time; empty when all is well.
  func mend() async -> [String] {
    let deadline = ContinuousClock.now + Self.mendedWithin
    while true {
      for service in ServiceEntry.all {
        process(service.short)?.send(SIGCONT)
        startAgain(service.short)
      }
      let report = await StatusReport.make(state: state, plan: plan)
      if report.isReady, await forgetFaults() { return [] }
      guard ContinuousClock.now < deadline, !Task.isCancelled else {
        return report.remarks + ["a service was not ready, or kept its fault rules"]
      }
      await pause(Self.lookInterval)
    }
  }
}
