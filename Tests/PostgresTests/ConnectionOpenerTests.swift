import EventLoops
import Postgres
import TestSupport
import Testing

@testable import struct Postgres.Backoff

@Suite struct ConnectionOpenerTests {
  @Test("pauses double up to the longest, and begin anew after a success")
  func backsOff() {
    var backoff = Backoff(delays: .milliseconds(100) ... .milliseconds(300))
    let start = MonotonicTime(nanoseconds: 0)
    #expect(backoff.isOver(at: start))
    for pause in [100, 200, 300, 300] {
      backoff.failed(at: start, because: "down", jitter: 1)
      #expect(!backoff.isOver(at: start + .milliseconds(pause - 1)))
      #expect(backoff.isOver(at: start + .milliseconds(pause)))
    }
    #expect(backoff.reason == "down")
    backoff.succeeded()
    backoff.failed(at: start, because: "down", jitter: 0.5)
    #expect(backoff.isOver(at: start + .milliseconds(50)))
  }

  @Test("of several hosts one that answers is taken, names included")
  func severalHosts() async throws {
    let server = try await PrivatePostgres.shared()
    let url = try await server.makeDatabase(named: "hosts")
    let hosts = url.split(separator: "@").joined(separator: "@localhost:1,")
      .replacing("127.0.0.1", with: "localhost")
    var configuration = try DatabaseConfiguration(
      url: "\(hosts)?target_session_attrs=read-write")
    configuration.connectTimeout = .seconds(30)  // a busy machine is no failure
    let database = Database(configuration, group: loops)
    #expect(try await database.value("SELECT 1") == 1)
    await database.close()
  }

  @Test("a host that says nothing leaves time for the next", .timeLimit(.minutes(1)))
  func silentHost() async throws {
    let server = try await PrivatePostgres.shared()
    let silent = try FaultProxy(to: server.port)
    defer { silent.close() }
    silent.silence([.toServer, .toClient], newOnes: true)
    let url = try await server.makeDatabase(named: "hosts")
    for hosts in ["127.0.0.1:\(silent.port),127.0.0.1", "localhost:\(silent.port),localhost"] {
      var configuration = try DatabaseConfiguration(
        url: url.replacing("127.0.0.1", with: hosts) + "?target_session_attrs=read-write")
      configuration.connectTimeout = .seconds(12)
      let database = Database(configuration, group: loops)
      #expect(try await database.value("SELECT 1") == 1)
      await database.close()
    }
  }
}
