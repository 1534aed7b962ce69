import Foundation
import Subprocess

/// Keeps one program running: starts it, notices its end, starts it again after a pause that grows.
///
/// The program gets a session of its own, so that a Ctrl-C in a terminal does not reach it.
actor SupervisedProcess {
  /// What a service gets between SIGTERM and SIGKILL; its own shutdown takes 23 s at most.
  static let stopGrace: Duration = .seconds(25)

  private let program: Plan.Program
  private let state: StateDirectory
  private let log: @Sendable (String) -> Void
  private var record: ProcessRecord
  private var backoff = RestartBackoff()
  private var isStopping = false
  private var isRestarting = false
  private var nap: Task<Void, any Error>?

  init(_ program: Plan.Program, state: StateDirectory, log: @escaping @Sendable (String) -> Void) {
    self.program = program
    self.state = state
    self.log = log
    record = ProcessRecord(
      name: program.name, port: program.port, state: .waiting, startedAt: Date(), restarts: 0,
      failures: 0)
  }

  /// Runs until `stop`.
  func keepRunning() async {
    while !isStopping {
      let began = ContinuousClock.now
      let ending = await runOnce()
      let lasted = ContinuousClock.now - began
      record.process = nil
      record.instance = nil
      record.lastEnd = "\(ending) after \(Self.seconds(lasted))"
      if isStopping { break }
      record.restarts += 1
      guard !isRestarting else {
        isRestarting = false
        backoff = RestartBackoff()
        log("\(program.name): \(ending); started again as asked")
        continue
      }
      await wait(backoff.ended(after: lasted), because: ending, after: lasted)
    }
    record.state = .stopped
    record.nextStartAt = nil
    save()
    log("\(program.name): stopped")
  }

  /// Ends the program and does not start it again.
  ///
  /// - Parameter grace: between SIGTERM and SIGKILL.
  func stop(grace: Duration = stopGrace) async {
    isStopping = true
    nap?.cancel()
    await record.process?.end(grace: grace)
  }

  /// Ends the program so that it is started anew, without a pause.
  func restart() async {
    nap?.cancel()
    guard let process = record.process else { return }
    isRestarting = true
    await process.end(grace: Self.stopGrace)
  }

  /// One run from start to end; the text says how it ended.
  private func runOnce() async -> String {
    let instance = UUID().uuidString.lowercased()
    var environment = program.environment
    environment["INSTANCE_ID"] = instance
    let output = open(
      state.logPath(program.name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard output >= 0 else { return "no log file (\(PrivateFile.errnoText()))" }
    defer { close(output) }
    var options = PlatformOptions()
    options.createSession = true
    do {
      let result = try await Subprocess.run(
        .path(.init(program.path)),
        arguments: Arguments(program.arguments),
        environment: ShortCommand.inheriting(environment),
        workingDirectory: "/",
        platformOptions: options,
        input: .none,
        output: .fileDescriptor(.init(rawValue: output), closeAfterSpawningProcess: false),
        error: .combinedWithOutput
      ) { execution in
        self.started(pid: execution.processIdentifier.value, instance: instance)
      }
      return ShortCommand.describe(result.terminationStatus)
    } catch {
      return "could not be started (\(error))"
    }
  }

  private func started(pid: Int32, instance: String) {
    record.state = .running
    record.process = ProcessIdentity(pid: pid)
    record.instance = instance
    record.startedAt = Date()
    record.nextStartAt = nil
    save()
    log("\(program.name): started, pid \(pid), port \(program.port)")
    // A stop that came between the decision to start and the start itself found no process to end.
    if isStopping { record.process?.send(SIGTERM) }
  }

  private func wait(_ delay: Duration, because ending: String, after lasted: Duration) async {
    record.state = .waiting
    record.failures = backoff.failures
    record.nextStartAt = Date() + Double(delay.components.seconds) + (delay < .seconds(1) ? 0.5 : 0)
    save()
    log(
      "\(program.name): ended by \(ending) after \(Self.seconds(lasted));"
        + " start \(record.restarts + 1) in \(Self.seconds(delay))")
    let nap = Task { try await Task.sleep(for: delay) }
    self.nap = nap
    _ = await nap.result
    self.nap = nil
  }

  private func save() {
    do {
      try PrivateFile.write(json: record, to: state.recordPath(program.name))
    } catch {
      log("\(program.name): its record cannot be written: \(error)")
    }
  }

  private static func seconds(_ duration: Duration) -> String {
    let tenths = duration / .milliseconds(100)
    return "\(Int(tenths) / 10).\(Int(tenths) % 10) s"
  }
}
