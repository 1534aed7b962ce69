import Foundation

/// One peer of a drill, from its start to its end.
final class PeerProcess {
  let port: Int
  private let process = Process()
  /// Its end ends the peer, however this process ends.
  private let lifeline = Pipe()
  private let loopback: Loopback

  /// - Parameters:
  ///   - role: "peer", "ledger" or "thief" (see main.swift).
  ///   - further: arguments of that role's own.
  init(_ role: String, agent: Agent, further: [String] = []) async throws {
    loopback = agent.loopback
    let output = Pipe()
    process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = [role, "--port", "0", "--consul", "\(agent.port)"] + further
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    process.standardInput = lifeline
    try process.run()
    // Its first line says where it listens; a peer that ends instead closes the pipe.
    let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    guard let port = line.split(whereSeparator: \.isWhitespace).last.flatMap({ Int($0) }) else {
      throw Trouble("a peer did not say where it listens, but: \(line)")
    }
    self.port = port
  }

  deinit { kill() }

  func kill() { send(SIGKILL) }

  /// Freezes it, as a machine does that swaps; `goOn` thaws it.
  func stop() { send(SIGSTOP) }

  func goOn() { send(SIGCONT) }

  private func send(_ signal: Int32) {
    // The id of one that has ended may be another process's by now.
    if process.isRunning { Foundation.kill(process.processIdentifier, signal) }
  }

  func set(_ mode: Peer.Mode) async throws {
    let answer = try await loopback.send(.put, port, "/mode/\(mode.rawValue)")
    guard answer.status == .ok else { throw Trouble("a peer refused mode \(mode)") }
  }

  func tally() async throws -> Peer.Tally {
    guard let tally = await loopback.get(port, "/tally", as: Peer.Tally.self) else {
      throw Trouble("a peer tells no tally")
    }
    return tally
  }
}
