import Glibc
import Synchronization

/// A TCP server on 127.0.0.1 that does what a test's script says with each connection, on a thread of
/// that connection's own.
package final class ScriptedServer: Sendable {
  package let port: UInt16
  private let listener: Int32
  private let script: @Sendable (ScriptedConnection) -> Void

  private struct State {
    var connections = 0
    var open: Set<Int32> = []
    var isClosed = false
  }
  private let state = Mutex(State())

  /// - Parameter script: may block; when it returns, the connection is closed.
  package init(_ script: @escaping @Sendable (ScriptedConnection) -> Void) throws {
    self.script = script
    (listener, port) = try Self.listening()
    Self.onThread { [self] in accept() }
  }

  private static func listening() throws -> (listener: Int32, port: UInt16) {
    for _ in 0..<10 {
      let listener = LoopbackPort.openSocket(SOCK_STREAM)
      let port = try LoopbackPort.free(1)[0]
      var one: Int32 = 1
      setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
      let bound = LoopbackPort.withAddress(port) { bind(listener, $0, $1) }
      if bound == 0, listen(listener, 1024) == 0 { return (listener, port) }
      // Another test has taken it meanwhile.
      Glibc.close(listener)
    }
    throw LoopbackPort.NoneFree()
  }

  /// A server that answers every request on every connection with the same bytes.
  package static func answering(_ answer: String) throws -> ScriptedServer {
    try ScriptedServer { connection in
      while connection.readRequest() != nil { connection.write(answer) }
    }
  }

  package var authority: String { "127.0.0.1:\(port)" }

  /// Connections accepted so far.
  package var connectionCount: Int { state.withLock(\.connections) }

  /// Stops listening and ends every connection.
  package func close() {
    state.withLock { state in
      guard !state.isClosed else { return }
      state.isClosed = true
      shutdown(listener, Int32(SHUT_RDWR))
      for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }
  }

  private func accept() {
    while true {
      let descriptor = Glibc.accept(listener, nil, nil)
      guard descriptor >= 0 else { break }
      // A program that a test starts must not keep the connection open.
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      let isWelcome = state.withLock { state in
        guard !state.isClosed else { return false }
        state.connections += 1
        state.open.insert(descriptor)
        return true
      }
      guard isWelcome else {
        Glibc.close(descriptor)
        continue
      }
      Self.onThread { [self] in
        script(ScriptedConnection(descriptor: descriptor))
        _ = state.withLock { $0.open.remove(descriptor) }
        Glibc.close(descriptor)
      }
    }
    Glibc.close(listener)
  }

  private static func onThread(_ body: @escaping @Sendable () -> Void) {
    let context = Unmanaged.passRetained(Body(body)).toOpaque()
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { context in
        Unmanaged<Body>.fromOpaque(context!).takeRetainedValue().run()
        return nil
      }, context)
    pthread_detach(thread)
  }

  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }
}

/// One accepted connection, for a script. Its calls block.
package struct ScriptedConnection: Sendable {
  fileprivate let descriptor: Int32

  /// Reads one request: its head, and the body that Content-Length announces.
  ///
  /// - Returns: nil when the client has closed.
  package func readRequest() -> String? {
    var bytes: [UInt8] = []
    while true {
      let text = String(decoding: bytes, as: UTF8.self)
      if let end = text.firstRange(of: "\r\n\r\n") {
        let body = text[end.upperBound...].utf8.count
        let announced = text[..<end.lowerBound].split(separator: "\r\n")
          .first { $0.lowercased().hasPrefix("content-length:") }
          .flatMap { Int($0.split(separator: ":")[1].drop { $0 == " " }) }
        if body >= announced ?? 0 { return text }
      }
      guard let byte = readByte() else { return nil }
      bytes.append(byte)
    }
  }

  /// Reads to the end of a line.
  ///
  /// - Returns: the line without CRLF; nil when the client has closed.
  package func readLine() -> String? {
    var bytes: [UInt8] = []
    while let byte = readByte() {
      if byte == UInt8(ascii: "\n") { return String(decoding: bytes.dropLast(), as: UTF8.self) }
      bytes.append(byte)
    }
    return nil
  }

  /// Returns when the client has closed the connection.
  package func waitForClose() {
    while readByte() != nil {}
  }

  /// Reads `count` bytes and throws them away.
  ///
  /// - Returns: how many came before the client closed.
  package func skip(_ count: Int) -> Int {
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    var left = count
    while left > 0 {
      let taken = read(descriptor, &buffer, min(left, buffer.count))
      guard taken > 0 else { break }
      left -= taken
    }
    return count - left
  }

  /// Sends text; what the client no longer takes is dropped.
  package func write(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes {
        send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }

  /// Makes the close that follows a reset instead of an end.
  package func resetOnClose() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
  }

  private func readByte() -> UInt8? {
    var byte: UInt8 = 0
    return read(descriptor, &byte, 1) == 1 ? byte : nil
  }
}
