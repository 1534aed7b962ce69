import CPostgres
import EventLoops
import Glibc
import TestSupport
import Testing

@testable import Postgres

@Suite struct ConnectionLossTests {
  @Test("a batch that cannot be sent whole is refused whole: nobody waits for the rest of it")
  func batch() async throws {
    let url = try await PrivatePostgres.shared().adminURL
    let errors = await withTaskExecutorPreference(loops.loops[0]) {
      let connection = Connection(
        handle: PQconnectdb(url), loop: loops.loops[0], preparedStatementsMax: 0)
      connection.lose("closed by the test")
      let batch = [StatementRun("BEGIN", kind: .control), StatementRun("SELECT 1", kind: .read)]
      connection.sendAlone(batch)
      return batch.map { $0.error as? PostgresError }
    }
    #expect(errors == Array(repeating: .notSent(reason: "the connection is closed"), count: 2))
  }

  @Test("a read that was sent, and then found no other connection, is not said to be not sent")
  func readWithoutConnection() async throws {
    let server = try await PrivatePostgres.shared()
    let proxy = try FaultProxy(to: server.port)
    let url = try await server.makeDatabase(named: "loss")
    try await withDatabase(url: url.replacing(":\(server.port)/", with: ":\(proxy.port)/")) {
      database in
      async let read: PostgresError? = postgresError {
        try await database.execute("SELECT pg_sleep(60) /* sent */")
      }
      try await withDatabase(url: url) { try await until(isRunning("/* sent */"), in: $0) }
      proxy.close()
      guard case .connectionLost = await read else {
        Issue.record("\(String(describing: await read))")
        return
      }
    }
  }

  @Test("a connection that is lost while a child process has its socket is gone all the same")
  func socketCopied() async throws {
    let server = try await PrivatePostgres.shared()
    let proxy = try FaultProxy(to: server.port)
    defer { proxy.close() }
    let url = try await server.makeDatabase(named: "copied")
    try await withDatabase(url: url.replacing(":\(server.port)/", with: ":\(proxy.port)/")) {
      database in
      try await withTaskExecutorPreference(loops.loops[0]) {
        try await database.ping()
        let copies = (3..<1024).filter { peerPort(of: $0) == proxy.port }.map { dup($0) }
        defer { for copy in copies { close(copy) } }
        #expect(!copies.isEmpty)
        proxy.reset()
        #expect(await comesTrue(within: .seconds(30)) { database.statistics.readConnections == 0 })
        // What is freed now has other contents by the time that the loop hears of the old socket.
        for _ in 0..<20 { try await database.ping() }
      }
    }
  }

  private func peerPort(of descriptor: Int32) -> UInt16? {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        getpeername(descriptor, $0, &length)
      }
    }
    return result == 0 ? UInt16(bigEndian: address.sin_port) : nil
  }
}
