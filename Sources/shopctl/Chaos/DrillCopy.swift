import Foundation

/// A copy of the shop that is there to be broken: started with settings of a drill, and removed with its
/// data when all went well.
struct DrillCopy: Sendable {
  /// What services are told so that everything in play ends within seconds: an order's deadline, a wait
  /// for a customer, a provider's delay.
  static let settings = [
    "CHECKOUT_DEADLINE": "20s", "CHECKOUT_HOLD": "40s", "PAYMENT_WAIT": "20s",
    "PAYMENT_WAIT_MARGIN": "10s", "PAYMENT_WAIT_HOLD": "60s", "PAYMENT_WAIT_PACE": "2s",
    "SIMULATOR_SLOW_DELAY": "2s", "SIMULATOR_REFUND_DELAY": "2s", "PAYMENT_PROVIDER_WAIT": "3s",
    "PAYMENT_RECOVERY_AGE": "1s", "FAULTS_ENABLED": "true", "LOG_LEVEL": "warning",
  ]

  let copy: CopyOptions
  let programs: Programs
  let progress: Progress

  /// Starts it, with what the environment says in place of `settings`.
  ///
  /// - Throws: `Trouble` when a copy runs there already, or this one cannot be started; then it is
  ///   stopped again.
  func start() async throws -> RunningCopy {
    let state = copy.state
    guard SupervisorRecord.living(state) == nil else {
      throw Trouble(
        "a copy runs there already, and a drill would break it.", evidence: [state.path],
        next: ["End it: ./shop down --data\(copy.words)", "Or choose others: --ports-from N"])
    }
    // The supervisor inherits this process's environment, and the services the supervisor's.
    for (name, value) in Self.settings { setenv(name, value, 0) }
    try state.create()
    let lock = try StateLock(state)
    do {
      _ = try await StartSequence(
        state: state, ports: try Ports(from: copy.portsFrom), portsFrom: copy.portsFrom,
        programs: programs, checkout: CopyOptions.checkout, command: "./shop up" + copy.words,
        environment: ProcessInfo.processInfo.environment, progress: progress
      ).run()
    } catch {
      try await Shutdown(state: state, progress: progress).run()
      throw error
    }
    withExtendedLifetime(lock) {}
    return try RunningCopy(copy)
  }

  /// Stops it and removes its data, keys and logs.
  func remove() async throws {
    let state = copy.state
    let lock = try StateLock(state)
    let databasePath = Plan.read(state)?.databasePath ?? state.databasePath
    try await Shutdown(state: state, progress: progress).run()
    for path in [databasePath, state.path] where FileManager.default.fileExists(atPath: path) {
      try FileManager.default.removeItem(atPath: path)
    }
    withExtendedLifetime(lock) {}
  }
}
