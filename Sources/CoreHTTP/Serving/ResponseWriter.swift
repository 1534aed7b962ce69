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

  @exclusivity(unchecked) private(set) var date = HTTPDate()
  /// Status line and `Date` by status, from 100 on; empty until needed in the present second.
  @exclusivity(unchecked) private var beginnings = [[UInt8]](repeating: [], count: 500)

  /// To be called at least once a second.
  func refreshDate() {
    guard date.refresh() else { return }
    for index in beginnings.indices where !beginnings[index].isEmpty { beginnings[index] = [] }
  }

  /// Writes the status line and `Date`, which are the same for a second.
  func writeBeginning(_ status: HTTPStatus, to output: OutputBuffer) {
    let index = status.code - 100
    if beginnings[index].isEmpty {
      beginnings[index] = Array("HTTP/1.1 \(status.code) \(status.reason)\r\n".utf8) + date.line
    }
    output.append(beginnings[index])
  }

  /// - Parameter withoutBody: for HEAD: everything but the body (RFC 9110 section 9.3.2).
  func write(
    _ response: HTTPResponse, _ persistence: Persistence, withoutBody: Bool,
    to output: OutputBuffer
  ) {
    writeBeginning(response.status, to: output)
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
    let lines = fields.lines
    for index in lines.indices {
      let line = lines[unchecked: index]
      guard line.nameCount == 10, line.valueCount == 5 else { continue }
      let bytes = fields.bytes
      if bytes.equals(line.name, "connection"), bytes.equals(line.value, "close") { return true }
    }
    return false
  }

  /// - Returns: whether a `Content-Type` was among them.
  func writeFields(_ fields: HTTPFields, to output: OutputBuffer) -> Bool {
    var hasContentType = false
    var isAsSent = fields.isAsSent
    let lines = fields.lines
    let bytes = fields.bytes
    for index in lines.indices {
      let line = lines[unchecked: index]
      if Self.isServers(line, bytes) {
        isAsSent = false
      } else if line.nameCount == 12, bytes.equals(line.name, "content-type") {
        hasContentType = true
      }
    }
    if isAsSent {
      output.append(bytes)
    } else {
      for index in lines.indices where !Self.isServers(lines[index], bytes) {
        output.append(bytes.extracting(lines[index].name))
        output.append(": ")
        output.append(bytes.extracting(lines[index].value))
        output.append("\r\n")
      }
    }
    return hasContentType
  }

  /// A line that is the server's to write.
  private static func isServers(_ line: HTTPFields.Line, _ bytes: Span<UInt8>) -> Bool {
    switch line.nameCount {
    case 4: bytes.equals(line.name, "date")
    case 10: bytes.equals(line.name, "connection")
    case 14: bytes.equals(line.name, "content-length")
    case 17: bytes.equals(line.name, "transfer-encoding")
    default: false
    }
  }
}
