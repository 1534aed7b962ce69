import Glibc

extension PrivatePostgres {
  /// How a server is made to stop (pg_ctl's documentation, option `--mode`).
  package enum ShutdownMode: String, Sendable {
    /// Ends its sessions and keeps what they have committed in order.
    case fast
    /// Ends its processes at once; it recovers when it is started.
    case immediate
  }

  /// Restarts the server on its port and returns when it takes connections.
  ///
  /// - Throws: `Failure`
  package func restart(_ mode: ShutdownMode) async throws {
    try await Self.blocking { [self] in
      // pg_ctl remembers the options of the start before.
      try control("restart", "-m", mode.rawValue, "-l", "\(directory)/log")
    }
  }

  /// Kills the server, as the loss of its machine would, and returns when nothing listens any more.
  ///
  /// - Throws: `Failure`
  package func kill() async throws {
    try await Self.blocking { [self] in
      let postmaster = Program.tail(of: "\(directory)/data/postmaster.pid").split(separator: "\n")
      guard let process = postmaster.first.flatMap({ pid_t($0) }) else {
        throw Failure(description: "no postmaster.pid in \(directory)/data")
      }
      // Its children see that it is gone, and end.
      Glibc.kill(process, SIGKILL)
      for _ in 0..<1000 where LoopbackPort.isListening(port) { usleep(5_000) }
      guard !LoopbackPort.isListening(port) else {
        throw Failure(description: "PostgreSQL still listens on \(port)")
      }
    }
  }

  /// Makes a server that follows this one. From then on this one says that it has committed when the
  /// other has it too, if it was made with `synchronous_commit=on`.
  ///
  /// - Throws: `Failure`
  package func standby() async throws -> PrivatePostgres {
    try await Self.blocking { [self] in
      let standby = try PrivatePostgres(password: password, settings: settings) {
        programs, directory in
        [
          "\(programs)/pg_basebackup", "-D", "\(directory)/data", "-d", adminURL, "-R", "-X",
          "stream", "-c", "fast", "--no-sync",
        ]
      }
      try run("ALTER SYSTEM SET synchronous_standby_names = '*'")
      try run("SELECT pg_reload_conf()")
      return standby
    }
  }

  /// Makes a standby the primary and returns when it takes writes.
  ///
  /// - Throws: `Failure`
  package func promote() async throws {
    try await Self.blocking { [self] in try control("promote") }
  }

  /// Restarts a primary as a standby that follows `other`, which may be a standby itself: until one of
  /// them is promoted there is no server that writes.
  ///
  /// - Throws: `Failure`
  package func demote(following other: PrivatePostgres) async throws {
    try await Self.blocking { [self] in
      let source = "host=127.0.0.1 port=\(other.port) user=shop password=\(other.password)"
      try run("ALTER SYSTEM SET primary_conninfo = '\(source)'")
      try Self.write("", to: "\(directory)/data/standby.signal")
    }
    try await restart(.fast)
  }

  private func control(_ arguments: String...) throws {
    try Program.run(
      ["\(programs)/pg_ctl", "-D", "\(directory)/data", "-w", "-t", "30"] + arguments,
      output: "\(directory)/control.log", log: "\(directory)/log")
  }
}
