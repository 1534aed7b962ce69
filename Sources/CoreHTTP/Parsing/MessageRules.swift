import HTTPMessages

/// How the body's end is found (RFC 9112 section 6.3).
enum BodyFraming: Equatable {
  case none
  case length(Int)
  case chunked
}

/// What a head's fields say about its message and its connection. Reads the few fields that a server
/// must understand; the rest is the handlers'.
struct MessageRules {
  var framing = BodyFraming.none
  /// The connection may serve another request (RFC 9112 section 9.3).
  var keepsAlive: Bool
  /// The client waits for 100 before it sends the body (RFC 9110 section 10.1.1).
  var expectsContinue = false

  private var hosts = 0
  private var contentLength: Int?
  private var saysClose = false
  private var saysKeepAlive = false

  /// - Parameter minorVersion: x of `HTTP/1.x`.
  init(
    _ input: Span<UInt8>, _ lines: Span<HTTPFields.Line>, minorVersion: UInt8
  ) throws(Refusal) {
    let isOld = minorVersion == 0
    keepsAlive = !isOld
    var transferCodings: [[UInt8]] = []
    for index in lines.indices {
      let line = lines[unchecked: index]
      switch line.nameCount {
      case 4 where input.equals(line.name, "host"): try readHost(input, line.value)
      case 6 where !isOld && input.equals(line.name, "expect"):
        try readExpectation(input, line.value)
      case 10 where input.equals(line.name, "connection"): readConnection(input, line.value)
      case 14 where input.equals(line.name, "content-length"): try readLength(input, line.value)
      case 17 where input.equals(line.name, "transfer-encoding"):
        transferCodings += Self.listElements(input, line.value)
      default: break
      }
    }
    guard hosts == 1 || (hosts == 0 && isOld) else {
      throw .malformed("A request has exactly one Host field.")
    }
    if transferCodings.isEmpty {
      if let contentLength, contentLength > 0 { framing = .length(contentLength) }
    } else {
      try settleFraming(transferCodings, isOld: isOld)
    }
    keepsAlive = !saysClose && (!isOld || saysKeepAlive)
  }

  private mutating func readHost(_ input: Span<UInt8>, _ value: Range<Int>) throws(Refusal) {
    hosts += 1
    guard AuthorityRules.isAuthority(input, value, needsHost: false) else {
      throw .malformed("Host is host or host:port.")
    }
  }

  private mutating func readExpectation(
    _ input: Span<UInt8>, _ value: Range<Int>
  ) throws(Refusal) {
    guard input.equals(value, "100-continue") else {
      throw Refusal(.expectationFailed, "The only expectation served is 100-continue.")
    }
    expectsContinue = true
  }

  /// Reads a list of options (RFC 9110 section 7.6.1), of which two matter to a server.
  private mutating func readConnection(_ input: Span<UInt8>, _ value: Range<Int>) {
    var start = value.lowerBound
    while start <= value.upperBound {
      var end = start
      while end < value.upperBound, input[end] != UInt8(ascii: ",") { end += 1 }
      let next = end + 1
      while start < end, input[start].isBlank { start += 1 }
      while start < end, input[end - 1].isBlank { end -= 1 }
      if input.equals(start..<end, "close") { saysClose = true }
      if input.equals(start..<end, "keep-alive") { saysKeepAlive = true }
      start = next
    }
  }

  private mutating func readLength(_ input: Span<UInt8>, _ value: Range<Int>) throws(Refusal) {
    guard contentLength == nil else { throw .malformed("Content-Length is given once.") }
    guard !value.isEmpty else { throw .malformed("Content-Length is digits.") }
    var length = 0
    for position in value {
      guard input[position].isDigit else { throw .malformed("Content-Length is digits.") }
      let (tenfold, overflow) = length.multipliedReportingOverflow(by: 10)
      let (sum, overflowToo) = tenfold.addingReportingOverflow(Int(input[position] - 0x30))
      guard !overflow, !overflowToo else { throw .malformed("Content-Length is below 2^63.") }
      length = sum
    }
    contentLength = length
  }

  private mutating func settleFraming(
    _ transferCodings: [[UInt8]], isOld: Bool
  ) throws(Refusal) {
    guard contentLength == nil else {
      throw .malformed("Content-Length and Transfer-Encoding exclude each other.")
    }
    guard !isOld else { throw .malformed("HTTP/1.0 has no Transfer-Encoding.") }
    let chunked = Array("chunked".utf8)
    if transferCodings == [chunked] {
      framing = .chunked
      return
    }
    let names = transferCodings.compactMap(Self.codingName)
    guard names.count == transferCodings.count, names != [chunked],
      !names.dropLast().contains(chunked)
    else { throw .malformed("Transfer-Encoding is chunked, once and last.") }
    throw Refusal(.notImplemented, "The only transfer coding served is chunked.")
  }

  /// The name of a coding `name *(";" name "=" value)`; nil if it is none (RFC 9112 section 7). A
  /// comma or semicolon in quotes makes it none here: with parameters it is refused either way.
  private static func codingName(_ coding: [UInt8]) -> [UInt8]? {
    let parts = coding.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
      .map(trimmed)
    guard HTTPToken.isToken(parts[0]), parts.dropFirst().allSatisfy(isParameter) else { return nil }
    return Array(parts[0])
  }

  private static func isParameter(_ part: ArraySlice<UInt8>) -> Bool {
    guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else { return false }
    let value = trimmed(part[(equals + 1)...])
    let quote = UInt8(ascii: "\"")
    let isQuoted =
      value.count > 1 && value.first == quote && value.last == quote
      && !value.dropFirst().dropLast().contains(quote)
    return HTTPToken.isToken(trimmed(part[..<equals])) && (isQuoted || HTTPToken.isToken(value))
  }

  /// The elements of a comma-separated list, lowered; empty ones are kept, for the caller to judge.
  private static func listElements(_ input: Span<UInt8>, _ range: Range<Int>) -> [[UInt8]] {
    input.copy(range).split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      .map { trimmed($0).map(HTTPToken.lowercased) }
  }

  private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let start = text.firstIndex { !$0.isBlank } ?? text.endIndex
    let end = text.lastIndex { !$0.isBlank }.map { $0 + 1 } ?? start
    return text[start..<end]
  }
}
