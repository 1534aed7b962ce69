import Glibc

/// A client of raw bytes on a blocking socket; every wait ends after 10 s.
final class TestClient: @unchecked Sendable {
  // @unchecked: a test uses it from one thread at a time.

  struct Failure: Error {
    let call: String
    let code: Int32
  }

  /// An answer taken apart.
  struct Answer: Sendable {
    var status = 0
    var fields: [(name: String, value: String)] = []
    var body = ""

    subscript(_ name: String) -> String? {
      fields.first { $0.name.lowercased() == name.lowercased() }?.value
    }
  }

  /// How the server ended the connection.
  enum End: Sendable {
    case orderly
    case reset
  }

  private let descriptor: Int32
  private var received: [UInt8] = []
  private var isClosed = false

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var limit = timeval(tv_sec: 10, tv_usec: 0)
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
    guard result == 0 else { throw Failure(call: "connect", code: errno) }
  }

  deinit {
    if !isClosed { Glibc.close(descriptor) }
  }

  func send(_ text: String) throws {
    try send(Array(text.utf8))
  }

  func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw Failure(call: "send", code: errno) }
      sent += count
    }
  }

  /// Ends the sending side; the other stays open.
  func finishSending() {
    shutdown(descriptor, Int32(SHUT_WR))
  }

  /// Closes so that the server sees a reset.
  func reset() {
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    Glibc.close(descriptor)
    isClosed = true
  }

  /// Makes the receive buffer small, so that the server soon finds it full.
  func limitReceiving(to bytes: Int32) {
    var bytes = bytes
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, 4)
  }

  /// The next answer, an interim one included.
  func answer(toHead: Bool = false) throws -> Answer {
    var answer = Answer()
    let lines = try head().split(separator: "\r\n").map(String.init)
    answer.status = Int(lines[0].split(separator: " ")[1]) ?? 0
    answer.fields = lines.dropFirst().map { line in
      let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      return (String(parts[0]), parts[1].drop { $0 == " " }.description)
    }
    let length = toHead ? 0 : Int(answer["Content-Length"] ?? "0") ?? 0
    while received.count < length { try receive() }
    answer.body = String(decoding: received[..<length], as: UTF8.self)
    received.removeFirst(length)
    return answer
  }

  /// The body of an answer in chunks, up to its last chunk; there are no extensions and no trailers.
  func chunkedBody() throws -> String {
    var body: [UInt8] = []
    while true {
      let length = Int(try line(), radix: 16) ?? -1
      guard length >= 0 else { throw Failure(call: "chunk", code: 0) }
      while received.count < length + 2 { try receive() }
      body += received[..<length]
      received.removeFirst(length + 2)
      if length == 0 { return String(decoding: body, as: UTF8.self) }
    }
  }

  /// Receives, and keeps, until `text` is among what has not been taken.
  func receive(until text: String) throws {
    while received.firstRange(of: Array(text.utf8)) == nil { try receive() }
  }

  /// Receives something and forgets it.
  func discard() throws {
    try receive()
    received = []
  }

  private func line() throws -> String {
    while true {
      if let range = received.firstRange(of: Array("\r\n".utf8)) {
        defer { received.removeFirst(range.upperBound) }
        return String(decoding: received[..<range.lowerBound], as: UTF8.self)
      }
      try receive()
    }
  }

  private func head() throws -> String {
    let end = Array("\r\n\r\n".utf8)
    while true {
      if let range = received.firstRange(of: end) {
        let head = String(decoding: received[..<range.lowerBound], as: UTF8.self)
        received.removeFirst(range.upperBound)
        return head
      }
      try receive()
    }
  }

  /// Whatever still comes, up to the end of the connection.
  func rest() throws -> (text: String, end: End) {
    do {
      while true { try receive() }
    } catch let failure as Failure where failure.call == "recv" && failure.code != EAGAIN {
      let text = String(decoding: received, as: UTF8.self)
      received = []
      return (text, failure.code == 0 ? .orderly : .reset)
    }
  }

  private func receive() throws {
    var buffer = [UInt8](repeating: 0, count: 65536)
    errno = 0
    let count = recv(descriptor, &buffer, buffer.count, 0)
    guard count > 0 else { throw Failure(call: "recv", code: count == 0 ? 0 : errno) }
    received += buffer[..<count]
  }
}
