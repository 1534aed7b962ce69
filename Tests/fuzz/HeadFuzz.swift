import CoreHTTP
import HTTPMessages

/// The input is what a client sends on one connection.
@_cdecl("LLVMFuzzerTestOneInput")
public func readHeads(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Input(start, count)
  for limits in [HTTPLimits(), .small] {
    for request in Reading(input, limits).requests {
      let head = HeadLines(input.bytes[request.places[0]..<request.places[1]])
      input.require(head?.isWithin(limits) == true, "served beyond its limits: \(request)")
      input.require(head?.agrees(with: request) == true, "read otherwise than served: \(request)")
      input.require(request.isBounded(by: limits), "served without a sure end: \(request)")
    }
  }
  for request in Reading(input, HTTPLimits()).requests where !request.isOldVersion {
    let again = Reading(Input(request.sent), HTTPLimits())
    input.require(
      again.end == .complete && again.requests.count == 1 && again.requests[0].isLike(request),
      "\(request), sent again, is \(again)")
  }
  return 0
}

/// A head as a reader sees it who only looks for the ends of lines and for colons.
private struct HeadLines {
  let start: [UInt8]
  let fields: [[UInt8]]

  /// - Returns: nil unless every line ends in CR LF, and an empty one comes last.
  init?(_ head: ArraySlice<UInt8>) {
    var lines = head.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    guard lines.popLast()?.isEmpty == true else { return nil }
    guard lines.allSatisfy({ $0.firstIndex(of: UInt8(ascii: "\r")) == $0.endIndex - 1 })
    else { return nil }
    if lines.first?.count == 1 { lines.removeFirst() }
    guard lines.count > 1, lines.last?.count == 1 else { return nil }
    start = Array(lines[0].dropLast())
    fields = lines.dropFirst().dropLast().map { Array($0.dropLast()) }
  }

  func isWithin(_ limits: HTTPLimits) -> Bool {
    start.count <= limits.requestLineBytesMax
      && (start.firstIndex(of: UInt8(ascii: " ")) ?? start.count) <= limits.methodBytesMax
      && fields.count <= limits.fieldsMax
      && fields.allSatisfy { $0.count <= limits.fieldLineBytesMax }
      && fields.map { $0.count + 2 }.reduce(0, +) <= limits.fieldSectionBytesMax
  }

  func agrees(with request: Reading.Request) -> Bool {
    let words = start.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard words.count == 3, words[0].elementsEqual(request.method.rawValue.utf8) else {
      return false
    }
    if words[1].elementsEqual(request.target.utf8) {
      return fields.compactMap(Self.trimmed) == request.fields && Self.areNames(request.fields)
    }
    // Absolute-form: its authority has replaced Host.
    let authority = Array((request.host ?? "").utf8)
    return words[1].first != UInt8(ascii: "/") && !authority.isEmpty
      && words[1].split(separator: UInt8(ascii: "/"))[1].starts(with: authority)
  }

  /// Without the blanks around its value; nil without a colon.
  private static func trimmed(_ line: [UInt8]) -> [UInt8]? {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return nil }
    let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    var value = line[(colon + 1)...].drop(while: isBlank)
    while let last = value.last, isBlank(last) { value.removeLast() }
    return Array(line[...colon]) + value
  }

  private static func areNames(_ fields: [[UInt8]]) -> Bool {
    fields.allSatisfy { HTTPToken.isToken($0.prefix { $0 != UInt8(ascii: ":") }) }
  }
}

extension Reading.Request {
  /// RFC 9112 section 6.3: nobody between the client and here can take its end for another.
  fileprivate func isBounded(by limits: HTTPLimits) -> Bool {
    let lengths = values("content-length")
    let codings = values("transfer-encoding")
    guard body.count <= limits.bodyBytesMax, host != nil || isOldVersion else { return false }
    guard values("host").count <= 1 else { return false }
    switch (lengths.count, codings.count) {
    case (0, 0): return body.isEmpty && places[1] == places[2]
    case (1, 0):
      return lengths[0].allSatisfy { ("0"..."9").contains($0) } && Int(lengths[0]) == body.count
        && places[1] + body.count == places[2]
    case (0, 1): return codings[0].lowercased() == "chunked" && !isOldVersion
    default: return false
    }
  }

  private func values(_ name: String) -> [String] {
    fields.map { String(decoding: $0, as: UTF8.self) }
      .filter { $0.lowercased().hasPrefix(name + ":") }
      .map { String($0.dropFirst(name.count + 1)) }
  }

  /// As a client would send it.
  fileprivate var sent: [UInt8] {
    var bytes = Array("\(method.rawValue) \(target) HTTP/1.1\r\n".utf8)
    for line in fields { bytes += line + Array("\r\n".utf8) }
    bytes += Array("\r\n".utf8)
    guard !values("transfer-encoding").isEmpty else { return bytes + body }
    if !body.isEmpty {
      bytes += Array("\(String(body.count, radix: 16))\r\n".utf8) + body + Array("\r\n".utf8)
    }
    return bytes + Array("0\r\n\r\n".utf8)
  }

  fileprivate func isLike(_ other: Reading.Request) -> Bool {
    method == other.method && target == other.target && fields == other.fields
      && body == other.body && keepsAlive == other.keepsAlive
  }
}
