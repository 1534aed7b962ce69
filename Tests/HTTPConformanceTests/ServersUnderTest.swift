import CoreHTTP
import EventLoops
import Glibc
import HTTPMessages

@testable import bench_server

/// Where the tables are tried over sockets.
enum ServerUnderTest: String, CaseIterable, Sendable {
  /// A server of this process with bench-server's routes.
  case library
  /// The built program bench-server with all that a service has around its handlers, beside this test's own; or what `SHOP_CONFORMANCE_PORT` names: a
  /// port of the loopback where a bench-server listens already, such as one built for release.
  case program

  /// Runs `body` with the port of a server that lives as long.
  func run<Value: Sendable>(_ body: (UInt16) async throws -> Value) async throws -> Value {
    switch self {
    case .library: return try await Self.withLibrary(limits: HTTPLimits(), body)
    case .program:
      if let port = getenv("SHOP_CONFORMANCE_PORT").flatMap({ UInt16(String(cString: $0)) }) {
        return try await body(port)
      }
      let program = try BenchServerProgram()
      defer { program.stop() }
      return try await body(program.port)
    }
  }

  static func withLibrary<Value: Sendable>(
    limits: HTTPLimits, _ body: (UInt16) async throws -> Value
  ) async throws -> Value {
    let group = EventLoopGroup(count: 2)
    defer { group.stop() }
    let server = HTTPServer(handler: benchRoutes(), group: group, port: 0, limits: limits)
    try await server.start()
    do {
      let value = try await body(server.port)
      await server.drain(within: .zero)
      return value
    } catch {
      await server.drain(within: .zero)
      throw error
    }
  }
}

/// bench-server as it was built, on a port of its own choosing.
struct BenchServerProgram {
  let port: UInt16
  private let shell: pid_t
  private let leash: Int32

  /// Starts it and waits for the line that tells its port.
  init() throws {
    var input: [Int32] = [0, 0]
    var output: [Int32] = [0, 0]
    // Sockets rather than pipes, since these are born close-on-exec: no other child keeps an end.
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &input) == 0, socketpair(AF_UNIX, kind, 0, &output) == 0
    else { throw Mismatch("socketpair: errno \(errno)") }
    defer {
      close(input[0])
      close(output[1])
      close(output[0])
    }
    // The shell ends the server when this process closes its end, or ends in whatever way.
    let script = #""$0" --service --port 0 & read -r _; kill "$!"; wait "$!""#
    shell = try Self.spawn(
      ["/bin/sh", "-c", script, Self.path()], input: input[0], output: output[1])
    leash = input[1]
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while byte != .init(ascii: "\n"), read(output[0], &byte, 1) == 1 { line.append(byte) }
    let words = String(decoding: line, as: UTF8.self).split { $0 == " " || $0 == ":" }
    guard let found = words.compactMap({ UInt16($0) }).first else {
      close(leash)
      throw Mismatch("bench-server did not start: \(words)")
    }
    port = found
  }

  func stop() {
    close(leash)
    var status: Int32 = 0
    while waitpid(shell, &status, 0) < 0, errno == EINTR {}
  }

  /// SwiftPM puts the programs where it puts the tests.
  private static func path() throws -> String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = buffer.withUnsafeMutableBytes {
      readlink("/proc/self/exe", $0.baseAddress!, $0.count)
    }
    let own = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    guard let slash = own.lastIndex(of: "/") else { throw Mismatch("no place: \(own)") }
    return own[...slash] + "bench-server"
  }

  private static func spawn(_ command: [String], input: Int32, output: Int32) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    // The threads of a task block signals, and a child would inherit that: it could not be ended.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var child: pid_t = 0
    let result = posix_spawn(&child, command[0], &actions, &attributes, &arguments, environ)
    guard result == 0 else { throw Mismatch("\(command[0]): errno \(result)") }
    return child
  }
}
