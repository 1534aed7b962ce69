import Dispatch
import Foundation

/// Asks one of our own programs on 127.0.0.1 a question.
enum LoopbackProbe {
  struct Answer: Sendable {
    let status: Int
    let body: Data
  }

  /// The answer to `GET path`; nil when nothing answers within `timeout`, or not in HTTP.
  static func get(_ path: String, port: Int, timeout: Duration = .seconds(2)) async -> Answer? {
    await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(returning: ask(path, port: port, timeout: timeout))
      }
    }
  }

  private static func ask(_ path: String, port: Int, timeout: Duration) -> Answer? {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    guard socket >= 0 else { return nil }
    defer { close(socket) }
    var limit = timeval(tv_sec: Int(timeout.components.seconds), tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(socket, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(clamping: port)).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { return nil }
    let request = Array(
      "GET \(path) HTTP/1.0\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\r\n".utf8)
    guard send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count
    else { return nil }
    return parse(receiveAll(socket))
  }

  /// What arrives until the other side closes, at most 1 MiB.
  private static func receiveAll(_ socket: Int32) -> Data {
    var received = Data()
    var buffer = [UInt8](repeating: 0, count: 16 * 1024)
    while received.count < 1 << 20 {
      let count = recv(socket, &buffer, buffer.count, 0)
      guard count > 0 else { break }
      received.append(contentsOf: buffer[..<count])
    }
    return received
  }

  private static func parse(_ bytes: Data) -> Answer? {
    guard let end = bytes.range(of: Data("\r\n\r\n".utf8)) else { return nil }
    let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
    let words = head.split(separator: " ", maxSplits: 2)
    guard words.count >= 2, words[0].hasPrefix("HTTP/1"), let status = Int(words[1]) else {
      return nil
    }
    return Answer(status: status, body: Data(bytes[end.upperBound...]))
  }
}
