/// Every bound on what the server takes from the network or keeps for it.
///
/// The defaults suit a service behind no proxy; each may be set per server, the body's per route.
package struct HTTPLimits: Sendable {
  // Heads (RFC 9112 sections 3 and 5)

  /// Request line without its CRLF; a longer one is answered 414. RFC 9112 section 3 asks for 8,000.
  package var requestLineBytesMax = 16 * 1024
  /// One field line without its CRLF; a longer one is answered 431.
  package var fieldLineBytesMax = 16 * 1024
  /// All field lines with their CRLFs; more are answered 431.
  package var fieldSectionBytesMax = 32 * 1024
  /// Field lines of one request; more are answered 431.
  package var fieldsMax = 100
  /// A longer method is answered 501.
  package var methodBytesMax = 32

  // Bodies (RFC 9112 sections 6 and 7)

  /// Body of a request, unless its route says otherwise; a longer one is answered 413.
  package var bodyBytesMax = 1024 * 1024
  /// One chunk-size line with its extensions; a longer one is answered 400.
  package var chunkLineBytesMax = 256
  /// All chunk extensions of a body; more are answered 400.
  package var chunkExtensionBytesMax = 16 * 1024
  /// Trailer section; a longer one is answered 431.
  package var trailerBytesMax = 8 * 1024
  /// Trailer fields; more are answered 431.
  package var trailersMax = 32

  // Time. Measured in steps of `timeResolution`: never early, at most two steps late.

  /// From the first byte of a request (of the first one: from accept) to the end of its head. Later
  /// bytes do not extend it. Then 408, or a silent close if no byte came.
  package var headTimeMax: Duration = .seconds(10)
  /// From the end of the head to the end of the body. Then 408.
  package var bodyTimeMax: Duration = .seconds(20)
  /// A body earns one second more for each such number of bytes that came.
  package var bodyBytesPerExtraSecond = 64 * 1024
  /// Between an answer and the first byte of the next request. Then a silent close.
  package var idleTimeMax: Duration = .seconds(60)
  /// Without a byte that the client took from an answer. Then a close.
  package var writeStallTimeMax: Duration = .seconds(10)
  /// The distance between two looks at every connection.
  package var timeResolution: Duration = .seconds(1)

  // Connections

  /// The last answer of a connection says `Connection: close`.
  package var requestsPerConnectionMax = 10_000
  /// Open at the same time, in all loops. At most four fifths of the descriptor limit, whatever is
  /// set here. At the limit, accepting pauses.
  package var connectionsMax = 10_000
  /// Bytes that are read ahead while an earlier request is being answered; then reading pauses.
  package var readAheadBytesMax = 64 * 1024
  /// Answers are gathered up to this size for one write; no further one is made until they are sent.
  package var unsentBytesMax = 256 * 1024
  /// The producer of a streamed body is suspended while so many of its bytes wait. Also what a producer
  /// that never rests makes before others have their turn, which is why it is no more.
  package var streamUnsentBytesMax = 64 * 1024
  /// Bodies streamed at the same time on one loop; further ones are answered 503.
  package var streamsPerLoopMax = 500
  /// After a refusal, what the client still sends is read up to here so that it sees the answer
  /// rather than a reset.
  package var lingerBytesMax = 256 * 1024
  /// Time for the same.
  package var lingerTimeMax: Duration = .seconds(2)

  /// The defaults.
  package init() {}
}
