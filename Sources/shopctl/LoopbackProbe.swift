import EventLoops
import HTTPClient
import HTTPMessages

/// Asks one of our own programs on 127.0.0.1 a question.
enum LoopbackProbe {
  private static let client = CurlClient(group: EventLoopGroup(count: 1))

  /// The answer to `GET path`; nil when nothing answers within `timeout`, or not in HTTP.
  static func get(_ path: String, port: Int, timeout: Duration = .seconds(2)) async
    -> HTTPResponse?
  {
    var request = HTTPRequest(.get, path)
    request.authority = "127.0.0.1:\(port)"
    request.timeout = timeout
    // Each answer must come from who listens now, not over a connection to who did before.
    request.fields[.connection] = "close"
    // Whatever the reason is, to the caller it is that nobody answers.
    return try? await client.handle(request)
  }
}
