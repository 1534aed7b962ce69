import Foundation

/// Runs the agent and the services until it is told to stop.
///
/// SIGTERM or SIGINT ends it, services first; SIGHUP makes it look for restart requests, which are
/// empty files `order-2.restart` or `consul.restart` in its run folder.
struct Supervisor: Sendable {
  let state: StateDirectory
  let plan: Plan

  private static let agentGrace: Duration = .milliseconds(500)

  func run() async throws {
    guard let identity = ProcessIdentity.current else {
      throw Trouble("the supervisor cannot read /proc.")
    }
    let signals = SignalStream([SIGTERM, SIGINT, SIGHUP])
    try PrivateFile.write(
      json: SupervisorRecord(process: identity, startedAt: Date()), to: state.supervisorPath)
    Self.log("supervisor: started, pid \(identity.pid)")

    let agent = plan.agent.map { SupervisedProcess($0, state: state, log: Self.log) }
    let services = plan.services.map {
      (name: $0.name, process: SupervisedProcess($0, state: state, log: Self.log))
    }
    await withTaskGroup(of: Void.self) { group in
      if let agent { group.addTask { await agent.keepRunning() } }
      group.addTask {
        if agent != nil { await waitForAgent() }
        await withTaskGroup(of: Void.self) { running in
          for service in services { running.addTask { await service.process.keepRunning() } }
        }
      }
      if plan.ownsDatabase { group.addTask { await watchDatabase() } }
      for await signal in signals.values {
        guard signal == SIGHUP else { break }
        for service in services where takeRequest(service.name) {
          group.addTask { await service.process.restart() }
        }
        if let agent, takeRequest("consul") { group.addTask { await agent.restart() } }
      }
      Self.log("supervisor: stopping")
      await withTaskGroup(of: Void.self) { stopping in
        for service in services { stopping.addTask { await service.process.stop() } }
      }
      // Last: the services deregister with it. It keeps nothing, and takes its time to end.
      await agent?.stop(grace: Self.agentGrace)
      group.cancelAll()
    }
    unlink(state.supervisorPath)
    Self.log("supervisor: ended")
  }

  /// Gives our agent up to 10 s, so that the first registration finds it. Services that start
  /// without one come by later.
  private func waitForAgent() async {
    let deadline = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < deadline, !Task.isCancelled {
      if await Readiness.agent(port: plan.ports["consul"], nodeName: plan.nodeName) == nil {
        return
      }
      await pause(.milliseconds(100))
    }
  }

  /// PostgreSQL is a daemon of its own: it is looked after here, and started again when it is gone.
  private func watchDatabase() async {
    var backoff = RestartBackoff()
    var lastStart = ContinuousClock.now
    do {
      let database = try await PrivatePostgres(plan)
      while !Task.isCancelled {
        await pause(.seconds(2))
        if Task.isCancelled || database.hasProcess { continue }
        Self.log("postgres: its server is gone; starting it again")
        do {
          try await database.start()
          Self.log("postgres: started, port \(database.port)")
        } catch let trouble as Trouble {
          Self.log(trouble.text)
        }
        await pause(backoff.ended(after: ContinuousClock.now - lastStart))
        lastStart = .now
      }
    } catch {
      Self.log("postgres: it is not looked after: \(error)")
    }
  }

  private func takeRequest(_ service: String) -> Bool {
    unlink("\(state.runPath)/\(service).restart") == 0
  }

  /// One line with the time, on standard output, which is the supervisor's log file.
  @Sendable static func log(_ line: String) {
    let now = Date().formatted(.iso8601)
    print("\(now) \(line)")
    fflush(nil)
  }
}
