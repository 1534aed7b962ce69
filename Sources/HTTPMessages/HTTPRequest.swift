/// One request, as a server received it or a client is to send it. Its body is whole.
///
/// A value, though a reference inside: what is handed from server to router to handler is one pointer,
/// and a copy is made only for whoever changes a request that others hold.
package struct HTTPRequest: @unchecked Sendable {
  // @unchecked: parts are changed by a value only if no other holds them.
  private var parts: HTTPRequestParts

  /// As in the request line.
  package var method: HTTPMethod {
    get { parts.method }
    set { ownParts.method = newValue }
  }

  /// The header fields; trailers are dropped.
  package var fields: HTTPFields {
    _read { yield parts.fields }
    _modify {
      let parts = ownParts
      parts.keepTarget()
      yield &parts.fields
    }
  }

  /// Decoded from chunks if it came in them; empty if there was none.
  package var body: [UInt8] {
    _read { yield parts.body }
    _modify { yield &ownParts.body }
  }

  /// Server: the client's address.
  package var peer: PeerAddress? {
    get { parts.peer }
    set { ownParts.peer = newValue }
  }

  /// Client: `host:port` to connect to.
  package var authority: String? {
    get { parts.authority }
    set { ownParts.authority = newValue }
  }

  /// Client: whether to speak TLS.
  package var isSecure: Bool {
    get { parts.isSecure }
    set { ownParts.isSecure = newValue }
  }

  /// Client: limit for the whole exchange; nil leaves it to the client's own.
  package var timeout: Duration? {
    get { parts.timeout }
    set { ownParts.timeout = newValue }
  }

  /// Client: never use a connection that served another request. A client may find a reused
  /// connection dead only after it sent the request, and must not repeat an unkeyed POST.
  package var sendsOnFreshConnection: Bool {
    get { parts.sendsOnFreshConnection }
    set { ownParts.sendsOnFreshConnection = newValue }
  }

  private var ownParts: HTTPRequestParts {
    mutating get {
      if !isKnownUniquelyReferenced(&parts) { parts = HTTPRequestParts(copying: parts) }
      return parts
    }
  }

  /// - Parameter target: origin-form with the query, escaped, such as `/products?limit=2`.
  package init(
    _ method: HTTPMethod, _ target: String, fields: HTTPFields = .init(), body: [UInt8] = []
  ) {
    parts = HTTPRequestParts(method)
    parts.fields = fields
    parts.body = body
    self.target = target
  }

  /// Takes a request that arrived in place of the one that was there, of which nothing stays but the
  /// peer. Its head stays as it arrived; its body is yet to come. Keeps the memory if nobody else
  /// holds the request that was there.
  ///
  /// - Parameters:
  ///   - head: all bytes up to the body.
  ///   - lines: where in `head` the fields are; see `HTTPFields.init(received:lines:)`.
  ///   - target: where in `head` the target is; in origin-form and all ASCII.
  ///   - pathEnd: where its path ends: at the first `?`, or with the target.
  package mutating func receive(
    _ method: HTTPMethod, head: Span<UInt8>, lines: Span<HTTPFields.Line>, target: Range<Int>,
    pathEnd: Int
  ) {
    if !isKnownUniquelyReferenced(&parts) {
      let peer = parts.peer
      parts = HTTPRequestParts(method)
      parts.peer = peer
    }
    parts.receive(method, head: head, lines: lines, target: target, pathEnd: pathEnd)
  }

  /// Path and query as they stand on the wire.
  package var target: String {
    get { text(parts.target) }
    set {
      let bytes = Array(newValue.utf8)
      let pathEnd = bytes.firstIndex(of: UInt8(ascii: "?"))
      ownParts.setTarget(
        HTTPFields(received: bytes.span, lines: Span()), bytes.indices,
        pathEnd: pathEnd ?? bytes.count)
    }
  }

  /// What is before the first `?`, not decoded.
  package var path: String { text(parts.target.lowerBound..<parts.pathEnd) }

  /// What is behind the first `?`, not decoded; nil without one.
  package var query: String? {
    parts.pathEnd < parts.target.upperBound
      ? text(parts.pathEnd + 1..<parts.target.upperBound) : nil
  }

  /// `path` without a copy.
  package var pathBytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get {
      // The parts, and with them the bytes, stay as they are while this value is borrowed.
      let path = parts.bytes(parts.target.lowerBound..<parts.pathEnd)
      return _overrideLifetime(Span(_unsafeElements: path), borrowing: self)
    }
  }

  private func text(_ range: Range<Int>) -> String {
    withExtendedLifetime(parts) { String(decoding: parts.bytes(range), as: UTF8.self) }
  }

  /// Why a query could not be decoded: the client's mistake.
  package enum QueryError: Error {
    /// A `%` without two hexadecimal digits, or an escaped NUL.
    case badEscape
    case notUTF8
  }

  /// The query as a form's `name=value&name=value`, decoded, in order; `+` is a space, a name without
  /// `=` has an empty value, and empty pieces are passed over (WHATWG URL section 5.1).
  package var queryItems: [(name: String, value: String)] {
    get throws(QueryError) {
      guard let query = query?.utf8 else { return [] }
      var items: [(name: String, value: String)] = []
      for piece in query.split(separator: UInt8(ascii: "&")) {
        let equals = piece.firstIndex(of: UInt8(ascii: "=")) ?? piece.endIndex
        let value = piece[equals...].dropFirst()
        items.append((try Self.formText(piece[..<equals]), try Self.formText(value)))
      }
      return items
    }
  }

  private static func formText(_ escaped: Substring.UTF8View) throws(QueryError) -> String {
    if !escaped.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) {
      return String(Substring(escaped))
    }
    guard let bytes = PercentEncoding.decode(escaped, plusIsSpace: true) else { throw .badEscape }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .notUTF8 }
    return text
  }
}
