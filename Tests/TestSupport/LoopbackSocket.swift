import Glibc

/// A blocking TCP socket connected to a port of 127.0.0.1, for clients that say what they like. No call
/// waits longer than the socket's patience; the last reference closes it.
package final class LoopbackSocket {
  /// A call of the socket's that failed, with its `errno`: `ECONNRESET` after a reset, `EAGAIN` when
  /// patience has run out.
  package struct Failure: Error {
    package let call: String
    package let code: Int32
  }

  private static let receiveBytesMax = 64 * 1024

  private let descriptor: Int32
  private var isClosed = false

  /// - Throws: `Failure` if nobody listens.
  package init(port: UInt16, patienceSeconds: Int) throws {
    descriptor = LoopbackPort.openSocket(SOCK_STREAM)
    set(SOL_SOCKET, SO_RCVTIMEO, timeval(tv_sec: patienceSeconds, tv_usec: 0))
    set(SOL_SOCKET, SO_SNDTIMEO, timeval(tv_sec: patienceSeconds, tv_usec: 0))
    set(Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1))
    let descriptor = descriptor
    guard LoopbackPort.withAddress(port, { connect(descriptor, $0, $1) }) == 0 else {
      throw Failure(call: "connect", code: errno)
    }
  }

  deinit {
    if !isClosed { Glibc.close(descriptor) }
  }

  package func send(_ bytes: some Collection<UInt8>) throws {
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { bytes in
        uninterrupted {
          Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        }
      }
      guard count > 0 else { throw Failure(call: "send", code: errno) }
      rest = rest.dropFirst(count)
    }
  }

  /// - Returns: what has come, at least a byte; nothing once the server has ended its side in order.
  package func receive() throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: Self.receiveBytesMax)
    let count = uninterrupted { recv(descriptor, &buffer, buffer.count, 0) }
    guard count >= 0 else { throw Failure(call: "recv", code: errno) }
    return Array(buffer[..<count])
  }

  /// Whether the server has sent something, or ended, by now.
  package var hasNews: Bool {
    var byte: UInt8 = 0
    let count = uninterrupted { recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) }
    return count >= 0 || errno != EAGAIN
  }

  /// Ends the sending side; the other stays open.
  package func finishSending() {
    shutdown(descriptor, Int32(SHUT_WR))
  }

  /// Closes so that the server sees a reset.
  package func reset() {
    set(SOL_SOCKET, SO_LINGER, linger(l_onoff: 1, l_linger: 0))
    Glibc.close(descriptor)
    isClosed = true
  }

  /// Makes the receive buffer small, so that the server soon finds it full.
  package func limitReceiving(to bytes: Int32) {
    set(SOL_SOCKET, SO_RCVBUF, bytes)
  }

  private func set<Value: BitwiseCopyable>(_ level: Int32, _ option: Int32, _ value: Value) {
    var value = value
    setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Value>.size))
  }
}

/// Calls anew what a signal interrupted: with a time limit on the socket no call resumes by itself, and
/// tests that start programs make their process get SIGCHLD.
///
/// - Returns: what `call` returned in the end; `errno` is its.
private func uninterrupted(_ call: () -> Int) -> Int {
  while true {
    let count = call()
    guard count < 0, errno == EINTR else { return count }
  }
}
