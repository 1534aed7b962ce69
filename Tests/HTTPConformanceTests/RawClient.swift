import Glibc

/// A client of raw bytes on a blocking socket of the loopback. No wait lasts longer than 20 s.
final class RawClient {
  /// How the server ended the connection.
  enum End: Equatable {
    case orderly
    case reset
  }

  private let descriptor: Int32
  private var received: [UInt8] = []
  private(set) var end: End?

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw Mismatch("connect: errno \(errno)") }
  }

  deinit {
    Glibc.close(descriptor)
  }

  /// - Returns: whether the server took them all; it need not, once it has ended.
  @discardableResult
  func send(_ bytes: some Collection<UInt8>) -> Bool {
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  /// Ends the sending side; the other stays open.
  func finishSending() {
    shutdown(descriptor, Int32(SHUT_WR))
  }

  /// Whether the server has sent something, or ended, by now.
  var hasNews: Bool {
    var byte: UInt8 = 0
    let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
    return count >= 0 || errno != EAGAIN
  }

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
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    guard count <= 0 else {
      received += buffer[..<count]
      return
    }
    guard count == 0 || errno != EAGAIN else { throw Mismatch("the server is silent") }
    end = count == 0 ? .orderly : .reset
    throw Mismatch(
      "the server ended (\(end == .reset ? "reset" : "in order")) behind "
        + String(latin1: received.prefix(200)).debugDescription)
  }
}
