/// One request, as a server received it or a client is to send it. Its body is whole.
package struct HTTPRequest: Sendable {
  package var method: HTTPMethod
  package var fields: HTTPFields
  package var body: [UInt8]

  /// Server: the client's address.
  package var peer: PeerAddress?
  /// Client: `host:port` to connect to.
  package var authority: String?
  /// Client: whether to speak TLS.
  package var isSecure = false
  /// Client: limit for the whole exchange; nil leaves it to the client's own.
  package var timeout: Duration?
  /// Client: never use a connection that served another request. A client may find a reused
  /// connection dead only after it sent the request, and must not repeat an unkeyed POST.
  package var sendsOnFreshConnection = false

  /// The bytes that hold the target; for a received request, its whole head.
  private var head: [UInt8]
  private var targetRange: Range<Int>
  /// Where in `head` the path ends: at the first `?`, or with the target.
  private var pathEnd: Int

  /// - Parameter target: origin-form with the query, escaped, such as `/products?limit=2`.
  package init(
    _ method: HTTPMethod, _ target: String, fields: HTTPFields = .init(), body: [UInt8] = []
  ) {
    self.method = method
    self.fields = fields
    self.body = body
    head = Array(target.utf8)
    targetRange = 0..<head.count
    pathEnd = Self.pathEnd(head, targetRange)
  }

  /// A received request: its head stays as it arrived.
  ///
  /// - Parameter target: where in `head` the target is, in origin-form and all ASCII.
  package init(
    received method: HTTPMethod, head: [UInt8], target: Range<Int>, fields: HTTPFields,
    body: [UInt8] = []
  ) {
    self.method = method
    self.fields = fields
    self.body = body
    self.head = head
    targetRange = target
    pathEnd = Self.pathEnd(head, target)
  }

  /// Path and query as they stand on the wire.
  package var target: String {
    get { String(decoding: head[targetRange], as: UTF8.self) }
    set {
      head = Array(newValue.utf8)
      targetRange = 0..<head.count
      pathEnd = Self.pathEnd(head, targetRange)
    }
  }

  /// What is before the first `?`, not decoded.
  package var path: String {
    String(decoding: head[targetRange.lowerBound..<pathEnd], as: UTF8.self)
  }

  /// What is behind the first `?`, not decoded; nil without one.
  package var query: String? { queryBytes.map { String(decoding: $0, as: UTF8.self) } }

  /// `path` without a copy.
  package var pathBytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { head.span.extracting(targetRange.lowerBound..<pathEnd) }
  }

  /// `query` without a copy.
  package var queryBytes: ArraySlice<UInt8>? {
    pathEnd < targetRange.upperBound ? head[(pathEnd + 1)..<targetRange.upperBound] : nil
  }

  private static func pathEnd(_ head: [UInt8], _ target: Range<Int>) -> Int {
    var position = target.lowerBound
    while position < target.upperBound, head[position] != UInt8(ascii: "?") { position += 1 }
    return position
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
      guard let query = queryBytes else { return [] }
      var items: [(name: String, value: String)] = []
      for piece in query.split(separator: UInt8(ascii: "&")) {
        let equals = piece.firstIndex(of: UInt8(ascii: "=")) ?? piece.endIndex
        let value = piece[equals...].dropFirst()
        items.append((try Self.formText(piece[..<equals]), try Self.formText(value)))
      }
      return items
    }
  }

  private static func formText(_ escaped: ArraySlice<UInt8>) throws(QueryError) -> String {
    guard let bytes = PercentEncoding.decode(escaped, plusIsSpace: true) else { throw .badEscape }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .notUTF8 }
    return text
  }
}
