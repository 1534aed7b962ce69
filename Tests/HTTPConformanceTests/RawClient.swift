import Glibc
import TestSupport

/// A client of raw bytes. No wait lasts longer than 20 s.
final class RawClient {
  /// How the server ended the connection.
  enum End: Equatable {
    case orderly
    case reset
  }

  /// Seconds since 1970 when the connection began: no answer on it is older.
  let opened = time(nil)
  private let socket: LoopbackSocket
  private var received: [UInt8] = []
  private(set) var end: End?

  init(port: UInt16) throws {
    socket = try LoopbackSocket(port: port, patienceSeconds: 20)
  }

  /// - Returns: whether the server took them all; it need not, once it has ended.
  @discardableResult
  func send(_ bytes: some Collection<UInt8>) -> Bool {
    do {
      try socket.send(bytes)
      return true
    } catch {
      return false
    }
  }

  func finishSending() { socket.finishSending() }

  var hasNews: Bool { socket.hasNews }

  /// The next head, up to its empty line.
  func head() throws -> String {
    let end = Array("\r\n\r\n".utf8)
    while true {
      if let range = received.firstRange(of: end) {
        return String(latin1: take(range.upperBound).dropLast(2))
      }
      try receive()
    }
  }

  func body(_ count: Int) throws -> [UInt8] {
    while received.count < count { try receive() }
    return take(count)
  }

  /// Waits for the end of the connection.
  ///
  /// - Returns: what came before it.
  func rest() throws -> [UInt8] {
    while end == nil {
      do {
        try receive()
      } catch  where end != nil {
        break
      }
    }
    return take(received.count)
  }

  private func take(_ count: Int) -> [UInt8] {
    defer { received.removeFirst(count) }
    return Array(received.prefix(count))
  }

  private func receive() throws {
    do {
      let bytes = try socket.receive()
      guard bytes.isEmpty else {
        received += bytes
        return
      }
      end = .orderly
    } catch let failure as LoopbackSocket.Failure {
      guard failure.code == ECONNRESET else { throw Mismatch("\(failure)") }
      end = .reset
    }
    throw Mismatch(
      "the server ended (\(end == .reset ? "reset" : "in order")) behind "
        + String(latin1: received.prefix(200)).debugDescription)
  }
}
