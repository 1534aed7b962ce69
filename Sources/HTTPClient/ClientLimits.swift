/// The bounds of a `CurlClient`. Each loop has them for itself.
package struct ClientLimits: Sendable {
  /// For name, TCP and TLS together.
  package var connectTimeout: Duration = .seconds(1)
  /// For a whole exchange whose request names no limit of its own.
  package var exchangeTimeout: Duration = .seconds(30)
  /// Of an answer's body; a longer one is `HTTPClientError.answerTooLarge`.
  package var responseBytesMax = 8 * 1024 * 1024
  /// Of an answer's head, interim ones counted in; a longer one is `.answerTooLarge`, too.
  package var responseHeadBytesMax = 64 * 1024
  /// An idle connection older than this is not used again: below the 60 s after which our servers
  /// close one, so that a request does not meet the closing.
  package var connectionIdleMax: Duration = .seconds(45)
  /// Connections, and libcurl's handles, that one loop keeps for the next transfer.
  package var idleConnectionsPerLoopMax = 64
  /// Transfers under way on one loop; one more is refused at once.
  package var transfersPerLoopMax = 1024

  package init() {}
}
