import ArgumentParser
import Foundation

struct Up: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Starts PostgreSQL, Consul and the five services, and prints where they are.",
    discussion: """
      Run again it says that the shop runs already. Settings of the services pass through, as in \
      LOG_LEVEL=debug ./shop up. DATABASE_URL names a PostgreSQL of yours to use instead of a \
      private one; DISCOVERY=static does without Consul.

      Several instances of a service share its work. The second one is called order-2, is at the \
      first one's port and 50 (8132), and each further one 10 higher.

      Examples:
        ./shop up
        ./shop up --ports-from 20000
        ./shop up --port order=9082 --port postgres=15433
        ./shop up --replicas product=2,order=2

      See also: status, logs, down.
      """)

  @OptionGroup var copy: CopyOptions
  @OptionGroup var program: ProgramOptions

  @Option(
    name: .customLong("port"),
    help: ArgumentHelp(
      "For an instance (product, order, user, payment, notification, order-2), consul or postgres.",
      valueName: "NAME=PORT"))
  var overrides: [String] = []

  @Option(
    help: ArgumentHelp(
      "How many instances of a service to run, 1 to \(Replicas.instancesMax) each.",
      valueName: "NAME=COUNT,..."))
  var replicas: String?

  /// For the script: what runs already needs no build.
  @Flag(name: .customLong("only-if-running"), help: .hidden)
  var onlyIfRunning = false

  func run() async throws {
    let state = copy.state
    let ports = try Ports(
      from: copy.portsFrom, overrides: overrides,
      replicas: replicas.map(Replicas.init) ?? Replicas())
    if await sayIfRunning(state, ports) { return }
    if onlyIfRunning { throw ExitCode.failure }
    try state.create()
    let lock = try StateLock(state)
    // Another `up` may have ended between the look and the lock.
    if await sayIfRunning(state, ports) { return }
    let progress = Progress()
    let sequence = StartSequence(
      state: state, ports: ports, portsFrom: copy.portsFrom, programs: program.programs,
      checkout: CopyOptions.checkout, command: "./shop up" + copy.words,
      environment: ProcessInfo.processInfo.environment, progress: progress)
    let began = ContinuousClock.now
    let signals = SignalStream([SIGINT, SIGTERM, SIGHUP])
    do {
      // Nil when a signal came first.
      let plan = try await withThrowingTaskGroup(of: Plan?.self) { group in
        group.addTask { try await sequence.run() }
        group.addTask {
          for await _ in signals.values { return nil }
          return nil
        }
        let first = try await group.next() ?? nil
        group.cancelAll()
        return first
      }
      guard let plan else { throw CancellationError() }
      let report = await StatusReport.make(state: state, plan: plan)
      print("\nThe shop is up, in \(Int((ContinuousClock.now - began) / .seconds(1))) s.\n")
      print(report.table)
      print("\nTry:\n  \(AddressTable(plan: plan, state: state).firstRequest)")
    } catch {
      if error is CancellationError { progress.say("\nStopped. Cleaning up.") }
      // A task of its own: this one may be cancelled, and what was started must end all the same.
      _ = try await Task { try await Shutdown(state: state, progress: progress).run() }.value
      if error is CancellationError { throw ExitCode(130) }
      throw error
    }
    withExtendedLifetime(lock) {}
  }

  /// - Returns: whether the shop runs already.
  private func sayIfRunning(_ state: StateDirectory, _ ports: Ports) async -> Bool {
    guard SupervisorRecord.living(state) != nil, let plan = Plan.read(state) else { return false }
    print(
      """
      The shop runs already\(difference(plan.ports, ports)).
      Settings, ports and replicas given now count after: ./shop down\(copy.words)

      """)
    print(await StatusReport.make(state: state, plan: plan).table)
    return true
  }

  private func difference(_ running: Ports, _ asked: Ports) -> String {
    if running == asked { return "" }
    return running.instances.map(\.name) == asked.instances.map(\.name)
      ? ", on other ports than asked for" : ", with other instances than asked for"
  }
}
