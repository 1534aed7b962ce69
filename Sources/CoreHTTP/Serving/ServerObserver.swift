package import HTTPMessages

/// One answer that the server gave; a streamed one, once its body has ended.
package struct ServedExchange: Sendable {
  /// nil for bytes that were no request.
  package var request: HTTPRequest?
  /// 499, as nginx has it, when the client left before the answer was made.
  package var status: HTTPStatus
  /// The pattern of the route that answered; nil if none did.
  package var route: String?
  /// From the whole request to the written answer; of a stream, to its end.
  package var duration: Duration
  /// Length of the answer's body.
  package var responseBodyBytes: Int
  /// What a handler threw, if that is why the status is 500, or why a streamed body was cut short
  /// (`CancellationError`: the client went away, with 499 before there was an answer).
  package var failure: (any Error)?
}

/// Sees every answer, refusals by the server itself included, and every request whose client did not wait for
/// its answer: for access logs and metrics.
package protocol ServerObserver: Sendable {
  /// Called on the connection's loop, before the answer's bytes (of a stream: its end) are sent; must
  /// not block.
  func served(_ exchange: ServedExchange)
}
