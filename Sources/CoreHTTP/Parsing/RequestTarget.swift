import HTTPMessages

/// Where a request goes: the four forms of RFC 9112 section 3.2, checked.
struct RequestTarget {
  /// Path and query. Empty or beginning with `?` only in absolute-form, where it means `/`.
  var origin: Range<Int>
  /// Where the path ends within `origin`.
  var pathEnd = 0
  /// What replaces the Host field: the authority of absolute-form.
  var authority: Range<Int>?

  /// None yet.
  init() {
    origin = 0..<0
  }

  /// - Parameter range: the target within `input`; visible ASCII without `#`.
  init(_ input: Span<UInt8>, _ range: Range<Int>, for method: HTTPMethod?) throws(Refusal) {
    origin = range
    if method == .connect {
      guard AuthorityRules.isAuthority(input, range, needsHost: true) else {
        throw .malformed("CONNECT takes host:port.")
      }
      throw Refusal(.notImplemented, "This server opens no tunnels.")
    }
    if input[range.lowerBound] == UInt8(ascii: "/") {
      try checkPath(input)
      return
    }
    if range.count == 1, input[range.lowerBound] == UInt8(ascii: "*"), method == .options {
      pathEnd = range.upperBound
      return
    }
    let schemeEnd = try Self.schemeEnd(input, range)
    var authorityEnd = schemeEnd
    while authorityEnd < range.upperBound, input[authorityEnd] != UInt8(ascii: "/"),
      input[authorityEnd] != UInt8(ascii: "?")
    {
      authorityEnd += 1
    }
    guard AuthorityRules.isAuthority(input, schemeEnd..<authorityEnd, needsHost: true) else {
      throw .malformed("The target's authority is host or host:port.")
    }
    authority = schemeEnd..<authorityEnd
    origin = authorityEnd..<range.upperBound
    try checkPath(input)
  }

  private static func schemeEnd(
    _ input: Span<UInt8>, _ range: Range<Int>
  ) throws(Refusal) -> Int {
    for scheme in ["http://", "https://"] as [StaticString] {
      let end = range.lowerBound + scheme.utf8CodeUnitCount
      if end <= range.upperBound, input.equals(range.lowerBound..<end, scheme) { return end }
    }
    throw .malformed("A target is a path that begins with / or an http URL.")
  }

  /// Escapes are two digits, segments are UTF-8 without NUL, and none is `.` or `..`, escaped or not.
  private mutating func checkPath(_ input: Span<UInt8>) throws(Refusal) {
    pathEnd = ByteScan.endOfPlainPath(input, from: origin.lowerBound, to: origin.upperBound)
    guard pathEnd < origin.upperBound, input[pathEnd] != UInt8(ascii: "?") else { return }
    var segmentStart = origin.lowerBound
    pathEnd = origin.lowerBound
    while pathEnd < origin.upperBound, input[pathEnd] != UInt8(ascii: "?") {
      if input[pathEnd] == UInt8(ascii: "/") {
        try checkSegment(input, segmentStart..<pathEnd)
        segmentStart = pathEnd + 1
      }
      pathEnd += 1
    }
    try checkSegment(input, segmentStart..<pathEnd)
  }

  private func checkSegment(_ input: Span<UInt8>, _ range: Range<Int>) throws(Refusal) {
    guard let segment = PercentEncoding.decode(segment: input.copy(range)) else {
      throw .malformed("The path's escapes are two hexadecimal digits that make UTF-8 without NUL.")
    }
    if segment == "." || segment == ".." { throw .malformed("The path has no dot segments.") }
  }
}
