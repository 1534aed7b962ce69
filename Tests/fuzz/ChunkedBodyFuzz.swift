import CoreHTTP
import HTTPMessages

/// The input is what a client sends behind a head that announces chunks.
@_cdecl("LLVMFuzzerTestOneInput")
public func readChunkedBodies(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let received = Input(start, count)
  for limits in [HTTPLimits(), chunksSmall] {
    let input = Input(head + received.bytes)
    let reading = Reading(input, limits)
    if let request = reading.requests.first {
      let plain = PlainChunks(input.bytes[request.places[1]...])
      input.require(
        plain?.body == request.body && plain?.end == request.places[2],
        "served \(request), but chunks are \(String(describing: plain))")
      input.require(request.body.count <= limits.bodyBytesMax, "served beyond its limit")
    }
  }
  let sent = Input(head + chunks(received.pieces))
  let echo = Reading(sent, HTTPLimits())
  sent.require(
    echo.end == .complete && echo.requests.map(\.body) == [received.bytes], "sent, but \(echo)")
  return 0
}

private let head = Array("POST / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)

/// Small for bodies, and wide enough for the head ahead of them.
private let chunksSmall = {
  var limits = HTTPLimits.small
  limits.fieldLineBytesMax = head.count
  return limits
}()

private func chunks(_ pieces: [ArraySlice<UInt8>]) -> [UInt8] {
  pieces.flatMap {
    Array("\(String($0.count, radix: 16))\r\n".utf8) + $0 + Array("\r\n".utf8)
  } + Array("0\r\n\r\n".utf8)
}

/// A chunked body as a lenient reader sees it, who looks at sizes and line feeds only.
private struct PlainChunks {
  private(set) var body: [UInt8] = []
  /// Behind the empty line that ends it.
  private(set) var end: Int

  private let bytes: ArraySlice<UInt8>

  /// - Returns: nil if the bytes end before the body does.
  init?(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    end = bytes.startIndex
    while let line = nextLine(), let size = Int(Self.digits(line), radix: 16) {
      guard size > 0 else {
        while let trailer = nextLine() { if trailer.isEmpty { return } }
        return nil
      }
      guard size <= bytes.endIndex - end else { return nil }
      body += bytes[end..<end + size]
      end += size
      guard nextLine()?.isEmpty == true else { return nil }
    }
    return nil
  }

  private static func digits(_ line: ArraySlice<UInt8>) -> String {
    String(decoding: line.prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self)
  }

  private mutating func nextLine() -> ArraySlice<UInt8>? {
    guard let lineFeed = bytes[end...].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    defer { end = lineFeed + 1 }
    return bytes[end..<lineFeed].last == UInt8(ascii: "\r")
      ? bytes[end..<lineFeed - 1] : bytes[end..<lineFeed]
  }
}
