import Glibc
import Synchronization

/// A program that is killed when this value is gone or `kill` is called, and when this process ends,
/// however it does.
package final class TiedProgram: Sendable {
  /// The write end of the pipe whose end is the program's end; -1 once it was killed.
  private let lifeline: Mutex<Int32>

  /// Starts a program in a session of its own, in the directory `/`.
  ///
  /// - Parameters:
  ///   - command: the program's path and its arguments.
  ///   - environment: added to this process's own.
  ///   - output: the file that takes what it prints.
  /// - Throws: `PrivatePostgres.Failure`
  package init(_ command: [String], environment: [String: String], output: String) throws {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Program.Failure(description: "pipe: errno \(errno)") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    lifeline = Mutex(ends[1])
    defer { close(ends[0]) }
    let settings = environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    // The watcher reads a pipe that only this process can write: it ends with the process.
    try Program.spawn(
      ["env"] + settings + [
        "/bin/sh", "-c",
        """
        trap '' INT TERM HUP
        "$@" </dev/null &
        child=$!
        read -r line
        kill -9 $child
        """, "sh",
      ] + command, input: ends[0], output: output)
  }

  deinit { kill() }

  /// Ends it as a crash would; does not wait for its end.
  package func kill() {
    lifeline.withLock { end in
      if end >= 0 { close(end) }
      end = -1
    }
  }
}
