import CoreHTTP
import EventLoops
import Glibc
import JSONSyntax

/// A loop's part of the access log: a JSON object for each answer, a line each, on standard output.
///
/// Lines wait for one another, so that a request does not cost a system call: until there are 32 KiB
/// of them, or for a second.
final class AccessLog: @unchecked Sendable {
  // @unchecked: made anywhere, then touched on its loop's thread only.

  private static let waitingBytesMax = 32 * 1024
  private static let waitingTimeMax: Duration = .seconds(1)

  private var lines = JSONWriter(capacity: 2 * waitingBytesMax)

  /// To be called on the loop that the log is for.
  func begin(on loop: EventLoop) {
    loop.schedule(after: Self.waitingTimeMax) {
      self.write()
      self.begin(on: loop)
    }
  }

  func add(_ exchange: ServedExchange) {
    Self.write(exchange, to: &lines)
    if lines.count >= Self.waitingBytesMax { write() }
  }

  private static func write(_ exchange: ServedExchange, to lines: inout JSONWriter) {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME_COARSE, &time)
    lines.beginObject()
    lines.member("unixMilliseconds")
    lines.integer(time.tv_sec * 1000 + time.tv_nsec / 1_000_000)
    if let request = exchange.request {
      lines.member("method")
      lines.text(request.method.rawValue)
      lines.member("path")
      lines.text(request.path)
    }
    lines.member("status")
    lines.integer(exchange.status.code)
    lines.member("nanoseconds")
    lines.integer(Int(exchange.duration.wholeNanoseconds))
    lines.member("bytes")
    lines.integer(exchange.responseBodyBytes)
    lines.endObject()
    lines.endLine()
  }

  /// Writes what waits; a reader that is gone loses it. A pipe that nobody reads holds the loop up, as it
  /// holds up whoever writes to standard output.
  func write() {
    lines.withBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = Glibc.write(
          STDOUT_FILENO, UnsafeBufferPointer(rebasing: rest).baseAddress, rest.count)
        guard count > 0 else { break }
        rest = rest.dropFirst(count)
      }
    }
    lines.removeAll()
  }
}
