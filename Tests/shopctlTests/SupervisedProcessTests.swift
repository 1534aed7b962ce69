import Foundation
import Synchronization
import Testing

@testable import shopctl

struct SupervisedProcessTests {
  private static func program(_ script: String) -> Plan.Program {
    Plan.Program(
      name: "order", path: "/bin/sh", arguments: ["-c", script], environment: [:], port: 1)
  }

  /// The record once it is as `condition` wants it, looked for during at most 20 s.
  private static func record(
    _ state: StateDirectory, where condition: (ProcessRecord) -> Bool
  ) async throws -> ProcessRecord {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
      if let record = PrivateFile.read(ProcessRecord.self, from: state.recordPath("order")),
        condition(record)
      {
        return record
      }
      await pause(.milliseconds(10))
    }
    throw Trouble("the record did not come")
  }

  @Test("a program that is killed is started again under another instance, and the log says so")
  func restarted() async throws {
    let temporary = try TemporaryState()
    let lines = Lines()
    let process = SupervisedProcess(
      Self.program("exec sleep 1000"), state: temporary.state, log: { lines.add($0) })
    async let running: Void = process.keepRunning()

    let first = try await Self.record(temporary.state) { $0.state == .running }
    let pid = try #require(first.process?.pid)
    #expect(getsid(pid) == pid, "a Ctrl-C in the terminal must not reach it")
    kill(pid, SIGKILL)
    let second = try await Self.record(temporary.state) {
      $0.state == .running && $0.process?.pid != pid
    }
    #expect(second.restarts == 1)
    #expect(second.lastEnd?.hasPrefix("signal 9 after") ?? false)
    #expect(second.instance != first.instance)
    #expect(
      lines.all.contains { $0.contains("ended by signal 9") && $0.hasSuffix("start 2 in 0.5 s") })

    await process.stop()
    await running
    #expect(second.process?.isAlive == false)
    let last = try await Self.record(temporary.state) { $0.state == .stopped }
    #expect(last.process == nil)
  }

  @Test("a restart that was asked for comes without a pause and counts as no failure")
  func asked() async throws {
    let temporary = try TemporaryState()
    let process = SupervisedProcess(
      Self.program("exec sleep 1000"), state: temporary.state, log: { _ in })
    async let running: Void = process.keepRunning()
    _ = try await Self.record(temporary.state) { $0.state == .running }
    await process.restart()
    let second = try await Self.record(temporary.state) {
      $0.state == .running && $0.restarts == 1
    }
    #expect(second.failures == 0)
    await process.stop()
    await running
  }

  @Test("a program that cannot be started is a failure like any other")
  func missing() async throws {
    let temporary = try TemporaryState()
    let program = Plan.Program(
      name: "order", path: "/nowhere/order-service", arguments: [], environment: [:], port: 1)
    let process = SupervisedProcess(program, state: temporary.state, log: { _ in })
    async let running: Void = process.keepRunning()
    let record = try await Self.record(temporary.state) { $0.failures == 1 }
    #expect(record.state == .waiting)
    await process.stop()
    await running
  }
}

/// Log lines as they come.
private final class Lines: Sendable {
  private let lines = Mutex<[String]>([])

  var all: [String] { lines.withLock { $0 } }
  func add(_ line: String) { lines.withLock { $0.append(line) } }
}
