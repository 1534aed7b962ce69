import Glibc
import Synchronization

/// Where log lines go: one write(2) a line, so that lines of several threads never mix.
final class LogOutput: Sendable {
  static let standardOutput = LogOutput(descriptor: STDOUT_FILENO)

  private let descriptor: Int32
  private let dropped = Atomic<Int>(0)

  init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// Lines lost because whoever reads them is gone or, where writing does not block, did not keep
  /// up.
  var linesDropped: Int { dropped.load(ordering: .relaxed) }

  var isTerminal: Bool { isatty(descriptor) == 1 }

  /// Writes a line with its line feed. What the descriptor refuses is dropped and counted: a log
  /// must never end the service. A full pipe is waited for, unless it is set not to block.
  func write(_ line: [UInt8]) {
    line.withUnsafeBytes { bytes in
      var written = 0
      while written < bytes.count {
        let count = Glibc.write(descriptor, bytes.baseAddress! + written, bytes.count - written)
        if count >= 0 {
          written += count
        } else if errno != EINTR {
          dropped.wrappingAdd(1, ordering: .relaxed)
          return
        }
      }
    }
  }
}
