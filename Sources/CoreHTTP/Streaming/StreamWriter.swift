import EventLoops
import HTTPMessages

/// Takes one streamed body from its producer to its connection, as chunks (RFC 9112 section 7.1) or
/// plain, and suspends the producer while the client lags behind.
final class StreamWriter: HTTPBodyWriter, @unchecked Sendable {
  // @unchecked: everything mutable is touched on the loop's thread only.

  /// A longer piece is taken in parts of this size, so that the limit of unsent bytes means something.
  private static let partBytesMax = 64 * 1024

  /// Length of the body so far.
  private(set) var bodyBytes = 0
  private let loop: EventLoop
  private let isChunked: Bool
  private let unsentBytesMax: Int
  /// nil once the stream is over: what is written then is refused.
  private var connection: Connection?
  private var waiting: [UnsafeContinuation<Void, Never>] = []

  init(_ connection: Connection, isChunked: Bool) {
    self.connection = connection
    self.isChunked = isChunked
    loop = connection.server.loop
    unsentBytesMax = connection.server.limits.streamUnsentBytesMax
  }

  func write(_ piece: [UInt8]) async throws {
    guard loop.isCurrent else {
      // From a task that left the loop.
      return try await withTaskExecutorPreference(loop) { try await self.write(piece) }
    }
    var rest = piece[...]
    repeat {
      let connection = try await connectionWithRoom()
      let part = rest.prefix(Self.partBytesMax)
      rest = rest.dropFirst(part.count)
      append(part, to: connection)
    } while !rest.isEmpty
  }

  private func append(_ part: ArraySlice<UInt8>, to connection: Connection) {
    // An empty chunk would be the last one.
    guard !part.isEmpty else { return }
    let output = connection.server.output
    bodyBytes += part.count
    if isChunked {
      output.append(hexadecimal: part.count)
      output.append("\r\n")
    }
    part.withUnsafeBufferPointer { output.append($0) }
    if isChunked { output.append("\r\n") }
    connection.flushAtEndOfTurn()
  }

  /// Waits until the unsent bytes are below the limit. They are sent at the end of each turn, so that
  /// a producer that never rests makes one such limit's worth before others have their turn.
  private func connectionWithRoom() async throws(CancellationError) -> Connection {
    while true {
      guard let connection, !Task.isCancelled else { throw CancellationError() }
      if connection.unsent.count < unsentBytesMax { return connection }
      await withTaskCancellationHandler {
        await withUnsafeContinuation { continuation in
          waiting.append(continuation)
          if Task.isCancelled { wake() }
        }
      } onCancel: {
        loop.execute { self.wake() }
      }
    }
  }

  /// To be called when bytes have been sent: producers that wait look again.
  func wake() {
    guard !waiting.isEmpty else { return }
    let continuations = waiting
    waiting = []
    for continuation in continuations { continuation.resume() }
  }

  /// Takes nothing more.
  ///
  /// - Parameter isComplete: the body is whole; otherwise the client must not see its end.
  func end(isComplete: Bool) {
    if isComplete, isChunked { connection?.server.output.append("0\r\n\r\n") }
    connection = nil
    wake()
  }
}
