import HTTPMessages

/// Writes answers as bytes (RFC 9112 sections 4 and 6). The server, not the handler, says where an
/// answer ends, when it was made and whether the connection goes on: a handler's own
/// `Content-Length`, `Transfer-Encoding`, `Date` and `Connection` lines are passed over.
final class ResponseWriter {
  /// What an answer says of its connection.
  enum Persistence {
    /// HTTP/1.1 needs no word for it.
    case open
    /// HTTP/1.0 does.
    case openToOldClient
    case close
  }

  @exclusivity(unchecked) var date = HTTPDate()
  let statusLines: [[UInt8]] = (100...599).map {
    Array("HTTP/1.1 \($0) \(HTTPStatus($0).reason)\r\n".utf8)
  }

  /// - Parameter withoutBody: for HEAD: everything but the body (RFC 9110 section 9.3.2).
  func write(
    _ response: HTTPResponse, _ persistence: Persistence, withoutBody: Bool,
    to output: OutputBuffer
  ) {
    output.append(statusLines[response.status.code - 100])
    output.append(date.line)
    let hasContentType = writeFields(response.fields, to: output)
    if !response.status.forbidsContent {
      if !hasContentType, !response.body.isEmpty {
        output.append("Content-Type: application/octet-stream\r\n")
      }
      output.append("Content-Length: ")
      output.append(decimal: response.body.count)
      output.append("\r\n")
    }
    writeEnd(persistence, to: output)
    if !withoutBody, !response.status.forbidsContent { output.append(response.body) }
  }

  /// What is said of the connection, and the empty line behind the fields.
  func writeEnd(_ persistence: Persistence, to output: OutputBuffer) {
    switch persistence {
    case .open: output.append("\r\n")
    case .openToOldClient: output.append("Connection: keep-alive\r\n\r\n")
    case .close: output.append("Connection: close\r\n\r\n")
    }
  }

  /// Whether a handler asks for the end of the connection.
  static func saysClose(_ fields: HTTPFields) -> Bool {
    for line in fields.lines where line.nameCount == 10 && line.valueCount == 5 {
      let bytes = fields.bytes.span
      if bytes.equals(line.name, "connection"), bytes.equals(line.value, "close") { return true }
    }
    return false
  }

  private func writeLine(
    _ line: HTTPFields.Line, _ bytes: UnsafeBufferPointer<UInt8>, to output: OutputBuffer
  ) {
    let name = line.name
    let value = line.value
    if name.upperBound + 2 == value.lowerBound, value.upperBound + 2 <= bytes.count,
      bytes[name.upperBound] == UInt8(ascii: ":"), bytes[name.upperBound + 1] == .space,
      bytes[value.upperBound] == .carriageReturn, bytes[value.upperBound + 1] == .lineFeed
    {
      // As it is to be sent.
      output.append(UnsafeBufferPointer(rebasing: bytes[name.lowerBound..<value.upperBound + 2]))
    } else {
      output.append(UnsafeBufferPointer(rebasing: bytes[name]))
      output.append(": ")
      output.append(UnsafeBufferPointer(rebasing: bytes[value]))
      output.append("\r\n")
    }
  }

  /// - Returns: whether a `Content-Type` was among them.
  func writeFields(_ fields: HTTPFields, to output: OutputBuffer) -> Bool {
    var hasContentType = false
    fields.bytes.withUnsafeBufferPointer { bytes in
      for line in fields.lines {
        switch line.nameCount {
        case 4 where bytes.span.equals(line.name, "date"),
          10 where bytes.span.equals(line.name, "connection"),
          14 where bytes.span.equals(line.name, "content-length"),
          17 where bytes.span.equals(line.name, "transfer-encoding"):
          continue
        case 12 where bytes.span.equals(line.name, "content-type"): hasContentType = true
        default: break
        }
        writeLine(line, bytes, to: output)
      }
    }
    return hasContentType
  }
}
