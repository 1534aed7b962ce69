import Glibc
import TestSupport

/// A client that takes answers apart; every wait ends after its patience.
final class TestClient: @unchecked Sendable {
  // @unchecked: a test uses it from one thread at a time.

  /// The server ended the connection in order, and more was expected.
  struct Ended: Error {}

  /// What came as a chunk's size is none.
  struct NoChunk: Error {}

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

  private let socket: LoopbackSocket
  private var received: [UInt8] = []

  init(port: UInt16, patienceSeconds: Int = 10) throws {
    socket = try LoopbackSocket(port: port, patienceSeconds: patienceSeconds)
  }

  func send(_ text: String) throws { try send(Array(text.utf8)) }
  func send(_ bytes: [UInt8]) throws { try socket.send(bytes) }
  func finishSending() { socket.finishSending() }
  func reset() { socket.reset() }
  func limitReceiving(to bytes: Int32) { socket.limitReceiving(to: bytes) }

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
      guard length >= 0 else { throw NoChunk() }
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

  /// Receives something, and keeps it.
  func receiveSome() throws { try receive() }

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
    var end: End?
    while end == nil {
      do {
        try receive()
      } catch is Ended {
        end = .orderly
      } catch let failure as LoopbackSocket.Failure where failure.code == ECONNRESET {
        end = .reset
      }
    }
    defer { received = [] }
    return (String(decoding: received, as: UTF8.self), end!)
  }

  private func receive() throws {
    let bytes = try socket.receive()
    if bytes.isEmpty { throw Ended() }
    received += bytes
  }
}
