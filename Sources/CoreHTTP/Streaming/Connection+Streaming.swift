import EventLoops
import Glibc
import HTTPMessages

/// Answers whose bodies are made while they are sent, in the connection's task.
extension Connection {
  /// Sends an answer with a streamed body; returns when the body has ended, well or not.
  func send(_ response: HTTPResponse, streaming body: HTTPBodyStream) async {
    guard phase == .answering else { return reportAbandoned(route: response.route) }
    guard server.streams < server.limits.streamsPerLoopMax else {
      return finish(ProblemBody.response(.serviceUnavailable), failure: nil)
    }
    decidePersistence(for: response)
    let framing = ResponseWriter.StreamFraming(response.status, isOldVersion: exchange.isOldVersion)
    if framing == .untilClose { exchange.keepsAlive = false }
    server.writer.writeHead(of: response, persistence, framing, to: server.output)
    guard framing != .none, !exchange.isHead else {
      report(response, bodyBytes: 0, failure: nil)
      return goOn()
    }
    flushAtEndOfTurn()
    // Sending what was posted before may have found the client gone.
    guard phase == .answering else { return reportAbandoned(route: response.route) }
    let writer = StreamWriter(self, isChunked: framing == .chunked)
    stream = (body, writer)
    server.streams += 1
    endStreamIfDraining()
    let failure = await Self.failure(of: body, writer)
    server.streams -= 1
    // Not there when the connection was closed meanwhile.
    let isCutShort = failure != nil && !isStreamAskedToEnd
    report(response, bodyBytes: writer.bodyBytes, failure: isCutShort ? failure : nil)
    guard phase == .answering else { return }
    if isCutShort { return close() }
    stream = nil
    writer.end(isComplete: true)
    if isStreamAskedToEnd || (server.isDraining && pending.isEmpty) {
      // Draining began behind the head, which could not say so.
      exchange.keepsAlive = false
      mustLinger = true
    }
    goOn()
  }

  private static func failure(
    of body: HTTPBodyStream, _ writer: StreamWriter
  ) async -> (any Error)? {
    do {
      try await body.produce(writer)
      return nil
    } catch {
      return error
    }
  }

  /// The server shuts down: a body without an end of its own gets one.
  func endStreamIfDraining() {
    guard server.isDraining, let stream, stream.body.isEndless else { return }
    isStreamAskedToEnd = true
    task?.cancel()
  }

  /// The connection is being closed. An unfinished body must not look like a whole one, which to
  /// HTTP/1.0 every orderly end is: the client gets a reset.
  func abandonStream() {
    guard let stream else { return }
    self.stream = nil
    stream.writer.end(isComplete: false)
    var option = linger(l_onoff: 1, l_linger: 0)
    // Cannot be refused on a socket; without it a client of HTTP/1.1 still misses the last chunk.
    _ = setsockopt(
      descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
  }
}
