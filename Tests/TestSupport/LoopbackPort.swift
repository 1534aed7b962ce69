package import Glibc

/// Ports of 127.0.0.1.
package enum LoopbackPort {
  struct NoneFree: Error {}

  /// Ports on which nobody listens, TCP or UDP. They lie below the range of outgoing connections: one
  /// from there may be taken by any client, and a client that tries it may even meet itself.
  package static func free(_ count: Int) throws -> [UInt16] {
    var found: [UInt16] = []
    for _ in 0..<1000 {
      let port = UInt16.random(in: 20_000..<32_000)
      if !found.contains(port), isFree(port) { found.append(port) }
      if found.count == count { return found }
    }
    throw NoneFree()
  }

  package static func isListening(_ port: UInt16) -> Bool {
    let descriptor = openSocket(SOCK_STREAM)
    defer { close(descriptor) }
    return withAddress(port) { connect(descriptor, $0, $1) } == 0
  }

  private static func isFree(_ port: UInt16) -> Bool {
    [SOCK_STREAM, SOCK_DGRAM].allSatisfy { type in
      let descriptor = openSocket(type)
      defer { close(descriptor) }
      return withAddress(port) { bind(descriptor, $0, $1) } == 0
    }
  }

  /// A blocking socket of IPv4.
  package static func openSocket(_ type: __socket_type) -> Int32 {
    socket(AF_INET, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
  }

  /// Lends the address of a port of 127.0.0.1.
  package static func withAddress<Value>(
    _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value
  ) -> Value {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}

/// The least of an HTTP client, for asking a program that a test started whether it is up.
package enum LoopbackHTTP {
  /// - Returns: the whole answer to a GET, head and body; nil without one within a second.
  package static func get(_ path: String, port: UInt16) -> String? {
    let descriptor = LoopbackPort.openSocket(SOCK_STREAM)
    defer { close(descriptor) }
    var limit = timeval(tv_sec: 1, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    guard LoopbackPort.withAddress(port, { connect(descriptor, $0, $1) }) == 0 else { return nil }
    let request = "GET \(path) HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
    guard request.withCString({ send(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL)) }) > 0
    else { return nil }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16 * 1024)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0 { return nil }
      if count == 0 { return String(decoding: answer, as: UTF8.self) }
      answer += buffer[..<count]
    }
  }
}
