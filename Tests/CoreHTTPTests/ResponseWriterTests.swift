import HTTPMessages
import Testing

@testable import CoreHTTP

@Suite struct ResponseWriterTests {
  private func written(
    _ response: HTTPResponse, _ persistence: ResponseWriter.Persistence = .open,
    withoutBody: Bool = false
  ) -> String {
    let output = OutputBuffer()
    let writer = ResponseWriter()
    writer.write(response, persistence, withoutBody: withoutBody, to: output)
    return String(decoding: output.fresh, as: UTF8.self)
      .replacing(String(decoding: writer.date.line, as: UTF8.self), with: "Date\r\n")
  }

  @Test("an answer has its fields in order, one Content-Length and its body")
  func whole() {
    let response = HTTPResponse(
      .created, fields: [.contentType: "text/plain", .location: "/a", "X-Y": ""], body: [65, 66])
    #expect(
      written(response) == """
        HTTP/1.1 201 Created\r
        Date\r
        Content-Type: text/plain\r
        Location: /a\r
        X-Y: \r
        Content-Length: 2\r
        \r
        AB
        """)
  }

  @Test("HEAD gets the same fields and no body")
  func head() {
    let response = HTTPResponse(.ok, fields: [.contentType: "text/plain"], body: [65, 66])
    #expect(written(response, withoutBody: true) == String(written(response).dropLast(2)))
  }

  @Test("204 and 304 have no content and no length, whatever the handler put there")
  func noContent() {
    for status in [HTTPStatus.noContent, .notModified] {
      let text = written(HTTPResponse(status, fields: [.etag: "\"7\""], body: [65]))
      #expect(text.hasSuffix("Date\r\nETag: \"7\"\r\n\r\n"))
    }
  }

  @Test("a handler's own framing, date and connection are passed over")
  func serversOwnFields() {
    let response = HTTPResponse(
      .ok,
      fields: [
        .contentLength: "99", "TRANSFER-encoding": "chunked", .date: "never",
        .connection: "upgrade",
      ])
    #expect(written(response) == "HTTP/1.1 200 OK\r\nDate\r\nContent-Length: 0\r\n\r\n")
  }

  @Test("content without a type is said to be bytes")
  func contentType() {
    #expect(
      written(HTTPResponse(.ok, body: [65]))
        == "HTTP/1.1 200 OK\r\nDate\r\nContent-Type: application/octet-stream\r\n"
        + "Content-Length: 1\r\n\r\nA")
  }

  @Test("the connection's end is said, and its going on to an old client")
  func persistence() {
    #expect(written(HTTPResponse(.ok), .close).hasSuffix("\r\nConnection: close\r\n\r\n"))
    #expect(
      written(HTTPResponse(.ok), .openToOldClient)
        .hasSuffix("\r\nConnection: keep-alive\r\n\r\n"))
  }

  @Test("a value cannot begin a line of its own (9110 §5.5)")
  func injection() {
    let text = written(HTTPResponse(.ok, fields: ["X": "a\r\nSet-Cookie: b\0"]))
    #expect(text.contains("\r\nX: a??Set-Cookie: b?\r\n"))
  }

  @Test(
    "lengths are written in decimal",
    arguments: [0, 9, 10, 99, 100, 65_536, 1_234_567_890, Int.max])
  func decimals(_ number: Int) {
    let output = OutputBuffer()
    output.append(decimal: number)
    #expect(String(decoding: output.fresh, as: UTF8.self) == "\(number)")
  }

  @Test("the buffer grows with what it is given and is empty after")
  func growth() {
    let output = OutputBuffer()
    let piece = [UInt8](repeating: 7, count: 300_000)
    for _ in 0..<5 { output.append(piece) }
    #expect(output.count == 1_500_000)
    #expect(output.fresh.allSatisfy { $0 == 7 })
    output.removeFresh()
    #expect(output.count == 0)
    output.append(piece)
    #expect(output.count == 300_000)
  }

  @Test("what is kept stays in its place until it is removed, and fresh bytes move up then")
  func keeping() {
    let output = OutputBuffer()
    output.append("first")
    let first = output.keepFresh()
    output.append("dropped")
    output.removeFresh()
    output.append("second")
    let second = output.keepFresh()
    output.append("third")
    #expect(String(decoding: output.bytes(first), as: UTF8.self) == "first")
    #expect(String(decoding: output.bytes(second), as: UTF8.self) == "second")
    output.removeKept()
    #expect(String(decoding: output.fresh, as: UTF8.self) == "third")
    #expect(output.count == 5)
  }
}
