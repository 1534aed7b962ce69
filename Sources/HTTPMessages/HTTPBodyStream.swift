/// A body that is made piece by piece while it is sent: exports, server-sent events.
///
///     HTTPResponse(.ok, fields: [.contentType: "text/csv"], stream: HTTPBodyStream { body in
///       for try await row in rows { try await body.write(row.line) }
///     })
package final class HTTPBodyStream: Sendable {
  /// Writes the whole body, and returns at its end.
  ///
  /// What it throws cuts the body short, and the client is made to notice. It is cancelled when the
  /// client goes away; for HEAD, and with a status that has no content, it does not run at all.
  package typealias Produce = @Sendable (any HTTPBodyWriter) async throws -> Void

  /// The body ends only because somebody ends it: a server that shuts down cancels `produce` and ends
  /// the body in good order, rather than wait for it.
  package let isEndless: Bool
  /// Called once, when the head is on its way.
  package let produce: Produce

  /// - Parameter produce: writes the whole body.
  package init(isEndless: Bool = false, _ produce: @escaping Produce) {
    self.isEndless = isEndless
    self.produce = produce
  }
}

/// Where a streamed body goes.
package protocol HTTPBodyWriter: Sendable {
  /// Puts a piece behind those already written. Pieces written in one turn of the loop leave together.
  ///
  /// Suspends while too many bytes wait for the client to take them. Several child tasks may write;
  /// each one's piece stays whole up to 64 KiB.
  ///
  /// - Throws: `CancellationError` when the client is gone, the stream is over, or the task is
  ///   cancelled; there is no use in writing more.
  func write(_ piece: [UInt8]) async throws
}

extension HTTPBodyWriter {
  /// Writes text in UTF-8.
  package func write(_ text: String) async throws {
    try await write(Array(text.utf8))
  }
}
