/// The name of a header field: a token, compared without regard to case (RFC 9110 section 5.1).
package struct HTTPFieldName: Hashable, Sendable, ExpressibleByStringLiteral {
  /// As it is sent.
  package let text: String

  /// - Returns: nil if `text` is not a token (RFC 9110 section 5.6.2).
  package init?(_ text: String) {
    guard HTTPToken.isToken(text.utf8) else { return nil }
    self.text = text
  }

  /// - Precondition: the literal is a token.
  package init(stringLiteral text: String) {
    precondition(HTTPToken.isToken(text.utf8), "\(text) is no field name")
    self.text = text
  }

  package static func == (left: HTTPFieldName, right: HTTPFieldName) -> Bool {
    left.lowercased.elementsEqual(right.lowercased)
  }

  package func hash(into hasher: inout Hasher) {
    for byte in lowercased { hasher.combine(byte) }
  }

  /// As it is compared: ASCII letters lowered.
  private var lowercased: some Sequence<UInt8> { text.utf8.lazy.map(HTTPToken.lowercased) }

  // MARK: Names of RFC 9110, RFC 6265, RFC 7240, W3C Trace Context, and of our own

  package static let accept: HTTPFieldName = "Accept"
  package static let acceptEncoding: HTTPFieldName = "Accept-Encoding"
  package static let allow: HTTPFieldName = "Allow"
  package static let authorization: HTTPFieldName = "Authorization"
  package static let cacheControl: HTTPFieldName = "Cache-Control"
  package static let connection: HTTPFieldName = "Connection"
  package static let contentEncoding: HTTPFieldName = "Content-Encoding"
  package static let contentLength: HTTPFieldName = "Content-Length"
  package static let contentType: HTTPFieldName = "Content-Type"
  package static let cookie: HTTPFieldName = "Cookie"
  package static let date: HTTPFieldName = "Date"
  package static let etag: HTTPFieldName = "ETag"
  package static let host: HTTPFieldName = "Host"
  package static let idempotencyKey: HTTPFieldName = "Idempotency-Key"
  package static let ifMatch: HTTPFieldName = "If-Match"
  package static let ifNoneMatch: HTTPFieldName = "If-None-Match"
  package static let link: HTTPFieldName = "Link"
  package static let location: HTTPFieldName = "Location"
  package static let origin: HTTPFieldName = "Origin"
  package static let prefer: HTTPFieldName = "Prefer"
  package static let requestID: HTTPFieldName = "X-Request-Id"
  /// Milliseconds that the caller will still wait.
  package static let requestTimeout: HTTPFieldName = "X-Request-Timeout-Ms"
  package static let retryPushback: HTTPFieldName = "X-Retry-Pushback-Ms"
  package static let retryAfter: HTTPFieldName = "Retry-After"
  package static let server: HTTPFieldName = "Server"
  package static let traceparent: HTTPFieldName = "traceparent"
  package static let tracestate: HTTPFieldName = "tracestate"
  package static let userAgent: HTTPFieldName = "User-Agent"
  package static let vary: HTTPFieldName = "Vary"
  package static let wwwAuthenticate: HTTPFieldName = "WWW-Authenticate"
}
