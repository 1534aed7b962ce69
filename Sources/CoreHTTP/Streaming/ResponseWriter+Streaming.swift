import HTTPMessages

extension ResponseWriter {
  /// What says where a streamed body ends (RFC 9112 section 6.3).
  enum StreamFraming {
    case chunked
    /// HTTP/1.0 knows no chunks.
    case untilClose
    /// The status has no content.
    case none

    init(_ status: HTTPStatus, isOldVersion: Bool) {
      if status.forbidsContent {
        self = .none
      } else {
        self = isOldVersion ? .untilClose : .chunked
      }
    }
  }

  /// Everything ahead of a streamed body.
  func writeHead(
    of response: HTTPResponse, _ persistence: Persistence, _ framing: StreamFraming,
    to output: OutputBuffer
  ) {
    writeBeginning(response.status, to: output)
    let hasContentType = writeFields(response.fields, to: output)
    if framing != .none, !hasContentType {
      output.append("Content-Type: application/octet-stream\r\n")
    }
    if framing == .chunked { output.append("Transfer-Encoding: chunked\r\n") }
    writeEnd(persistence, to: output)
  }
}
