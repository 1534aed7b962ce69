import EventLoops
import TestSupport
import Testing

@testable import Postgres

@Suite(.timeLimit(.minutes(5))) struct NotificationListenerTests {
  @Test("who listens is told of what another database notifies, and of no other channel")
  func told() async throws {
    let url = try await PrivatePostgres.shared().makeDatabase(named: "listen")
    try await withDatabase(url: url) { listening in
      try await withDatabase(url: url) { other in
        var mine = listening.listen(to: "Mine").makeAsyncIterator()
        var others = listening.listen(to: "others").makeAsyncIterator()
        // Listening has begun.
        #expect(await mine.next() != nil)
        #expect(await others.next() != nil)
        for _ in 0..<3 {
          try await other.notify("Mine")
          #expect(await mine.next() != nil)
        }
        try await listening.notify("others")
        #expect(await others.next() != nil)
        // What had been told on the wrong channel would come before the end.
        await listening.close()
        #expect(await mine.next() == nil)
      }
    }
  }

  @Test("one connection is there while somebody listens, and none before and after")
  func connections() async throws {
    let url = try await PrivatePostgres.shared().makeDatabase(named: "listen")
    try await withDatabase(url: url) { observer in
      try await withDatabase(url: url, configure: Self.unchecked) { database in
        func sessions(are count: Int) async throws {
          try await until(
            """
            SELECT count(*) = \(count) FROM pg_stat_activity
            WHERE datname = current_database() AND query ~ '^(UN)?LISTEN'
            """, in: observer)
        }
        try await sessions(are: 0)
        let tasks = ["a", "b", "b"].map { channel in
          Task { for await _ in database.listen(to: channel) {} }
        }
        try await sessions(are: 1)
        for task in tasks.dropFirst() {
          task.cancel()
          await task.value
        }
        do {
          var told = database.listen(to: "a").makeAsyncIterator()
          #expect(await told.next() != nil)
          tasks[0].cancel()
          await tasks[0].value
          try await observer.notify("a")
          #expect(await told.next() != nil)
          try await sessions(are: 1)
        }
        // The last one has not even been cancelled, only let go.
        try await sessions(are: 0)
      }
    }
  }

  @Test("a listener that lost its connection is told so once, and hears again")
  func lost() async throws {
    let url = try await PrivatePostgres.shared().makeDatabase(named: "listen")
    try await withDatabase(url: url) { other in
      try await withDatabase(url: url, configure: Self.unchecked) { database in
        var told = database.listen(to: "c").makeAsyncIterator()
        #expect(await told.next() != nil)
        for _ in 0..<3 {
          try await other.execute(terminate("LISTEN"))
          #expect(await told.next() != nil)
          try await other.notify("c")
          #expect(await told.next() != nil)
        }
      }
    }
  }

  @Test("a server that says nothing any more is noticed")
  func silent() async throws {
    let server = try await PrivatePostgres.shared()
    let proxy = try FaultProxy(to: server.port)
    defer { proxy.close() }
    let url = try await server.makeDatabase(named: "listen")
    try await withDatabase(
      url: url.replacing(":\(server.port)/", with: ":\(proxy.port)/"),
      configure: { $0.listenCheckInterval = .milliseconds(500) }
    ) { database in
      var told = database.listen(to: "c").makeAsyncIterator()
      #expect(await told.next() != nil)
      proxy.silence([.toServer, .toClient], newOnes: false)
      #expect(await told.next() != nil)
    }
  }

  @Test("a server that is not there yet is tried again, and those who wait are told")
  func late() async throws {
    let server = try await PrivatePostgres.shared()
    let url = try await server.makeDatabase(named: "listen")
    let role = "late_\(UInt32.random(in: .min ... .max))"
    try await withDatabase(url: url) { admin in
      try await withDatabase(
        url: server.url(url, user: role, password: "late"),
        configure: { $0.reconnectDelay = .milliseconds(1) ... .milliseconds(10) }
      ) { database in
        var told = database.listen(to: "c").makeAsyncIterator()
        for _ in 0..<3 {
          guard case .notSent = await postgresError({ try await database.ping() }) else {
            Issue.record("the role is there already")
            return
          }
        }
        try await admin.execute("CREATE ROLE \(identifier: role) LOGIN PASSWORD 'late'")
        #expect(await told.next() != nil)
      }
    }
  }

  @Test("where nobody can listen, beyond the bound and after the end the stream ends at once")
  func refused() async throws {
    try await withDatabase("listen", configure: { $0.preparedStatements = false }) { database in
      for await _ in database.listen(to: "c") { Issue.record("told behind a proxy") }
      try await database.notify("c")
      #expect(database.statistics.transactionConnections == 0)
    }
    try await withDatabase("listen") { database in
      var streams = (0..<NotificationListener.listenersMax).map { _ in database.listen(to: "c") }
      for await _ in database.listen(to: "c") { Issue.record("told beyond the bound") }
      streams.removeLast()
      var told = database.listen(to: "c").makeAsyncIterator()
      #expect(await told.next() != nil)
      await database.close()
      while await told.next() != nil {}
      #expect(streams.count == NotificationListener.listenersMax - 1)
      for await _ in database.listen(to: "c") { Issue.record("told after the end") }
    }
  }

  /// No other statement follows LISTEN on its connection.
  private static func unchecked(_ configuration: inout DatabaseConfiguration) {
    configuration.listenCheckInterval = .seconds(3600)
  }
}
