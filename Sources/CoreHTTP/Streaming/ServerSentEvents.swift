import EventLoops
package import HTTPMessages

/// An open event stream: what its producer writes to.
package struct ServerSentEvents: Sendable {
  private let body: any HTTPBodyWriter

  init(_ body: any HTTPBodyWriter) {
    self.body = body
  }

  /// Suspends while the client lags behind.
  ///
  /// - Throws: `CancellationError` when the client is gone or the server shuts down.
  package func send(_ event: ServerSentEvent) async throws {
    try await body.write(event.bytes)
  }

  /// Sends what clients pass over.
  package func comment(_ text: String) async throws {
    try await body.write(ServerSentEvent.comment(text))
  }
}

extension HTTPResponse {
  /// A stream of events that goes on until `produce` returns, the client leaves, or the server drains.
  ///
  ///     return .serverSentEvents { events in
  ///       for await change in changes(after: request.lastEventID) {
  ///         try await events.send(ServerSentEvent(change.json, id: change.id))
  ///       }
  ///     }
  ///
  /// - Parameter heartbeat: between two comments, which tell proxies that the stream lives, and this
  ///   server that its client does not.
  package static func serverSentEvents(
    heartbeat: Duration = .seconds(15),
    _ produce: @escaping @Sendable (ServerSentEvents) async throws -> Void
  ) -> HTTPResponse {
    let stream = HTTPBodyStream(isEndless: true) { body in
      let events = ServerSentEvents(body)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await produce(events) }
        group.addTask { try await beat(events, every: heartbeat) }
        // The heart beats until it is cancelled or the client is gone.
        defer { group.cancelAll() }
        try await group.next()
      }
    }
    return HTTPResponse(
      .ok, fields: [.contentType: "text/event-stream", .cacheControl: "no-store"], stream: stream)
  }

  private static func beat(_ events: ServerSentEvents, every interval: Duration) async throws {
    guard let loop = EventLoop.current else {
      preconditionFailure("an event stream is served on an event loop")
    }
    while true {
      try await loop.sleep(for: interval)
      try await events.comment("")
    }
  }
}

extension HTTPRequest {
  /// Where a client of an event stream was when it lost it (WHATWG HTML, section 9.2.4); nil for one
  /// that begins.
  package var lastEventID: String? { fields["Last-Event-ID"] }
}
