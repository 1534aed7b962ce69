import CZlib
import HTTPMessages
import Testing

@testable import ServiceKit

@Suite("Compressed answers")
struct AnswerCompressionTests {
  private static let text = Array(#"{"items":["#.utf8) + text(count: 5000) + Array("]}".utf8)

  private static func text(count: Int) -> [UInt8] {
    Array((0..<count / 10).map { "\"n \($0 * 7919 % 10_000)\"," }.joined().utf8)
  }

  private func answer(
    _ response: HTTPResponse, accepting: String? = "gzip", method: HTTPMethod = .get,
    fields: HTTPFields = [:]
  ) async -> HTTPResponse {
    var fields = fields
    fields[.acceptEncoding] = accepting
    var response = response
    await AnswerCompression().apply(
      to: &response, for: HTTPRequest(method, "/x", fields: fields))
    return response
  }

  @Test("a larger body is sent as gzip, says so, and has a tag of its own")
  func compressed() async throws {
    for method in [HTTPMethod.get, .head, .post] {
      let response = await answer(.json(bytes: Self.text, version: 7), method: method)
      #expect(response.body.count < Self.text.count / 2)
      #expect(try gunzip(response.body) == Self.text)
      #expect(response.fields[.contentEncoding] == "gzip")
      #expect(response.fields[.vary] == "Accept-Encoding")
      #expect(response.fields[.etag] == "\"v7-gzip\"")
      #expect(response.fields[.contentType] == "application/json")
    }
  }

  @Test("a client that does not ask gets it as it is, and caches learn that it varies")
  func asItIs() async {
    for accepting in [nil, "identity", "gzip;q=0", "br"] {
      let response = await answer(.json(bytes: Self.text, version: 7), accepting: accepting)
      #expect(response.body == Self.text)
      #expect(response.fields[.contentEncoding] == nil)
      #expect(response.fields[.vary] == "Accept-Encoding")
      #expect(response.fields[.etag] == "\"v7\"")
    }
  }

  @Test("what varies already goes on to do so; a weak tag stays")
  func otherFields() async {
    var given = HTTPResponse.json(bytes: Self.text)
    given.fields[.vary] = "Origin"
    given.fields[.etag] = "W/\"v7\""
    let response = await answer(given)
    #expect(response.fields[.vary] == "Origin, Accept-Encoding")
    #expect(response.fields[.etag] == "W/\"v7\"")
  }

  @Test("what is small, compressed already, no text, partial or without content is left alone")
  func leftAlone() async {
    let few = Array(Self.text.prefix(AnswerCompression.bodyBytesMin - 1))
    var coded = HTTPResponse.json(bytes: Self.text)
    coded.fields[.contentEncoding] = "br"
    for given in [
      .json(bytes: few), coded, HTTPResponse(.ok, body: Self.text),
      HTTPResponse(.ok, fields: [.contentType: "image/png"], body: Self.text),
      .json(bytes: Self.text, status: HTTPStatus(206)), .json(bytes: Self.text, status: .noContent),
    ] {
      let response = await answer(given)
      #expect(response.body == given.body)
      #expect(response.fields[.vary] == nil)
      #expect(response.fields[.contentEncoding] == given.fields[.contentEncoding])
    }
  }

  @Test(
    "text of every kind is compressed",
    arguments: [
      "application/json", "application/problem+json", "Application/JSON; charset=utf-8",
      "text/html",
      "text/plain; version=0.0.4", "application/yaml", "image/svg+xml", "text/csv;header=present",
    ])
  func types(type: String) async {
    let response = await answer(HTTPResponse(.ok, fields: [.contentType: type], body: Self.text))
    #expect(response.fields[.contentEncoding] == "gzip")
  }

  @Test("what does not become smaller is sent as it is")
  func incompressible() async {
    var random = SystemRandomNumberGenerator()
    let noise = (0..<20_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    let response = await answer(HTTPResponse(.ok, fields: [.contentType: "text/x"], body: noise))
    #expect(response.body == noise)
    #expect(response.fields[.contentEncoding] == nil)
  }

  @Test("bodies of every size come out as they went in, those compressed beside the loops too")
  func sizes() async throws {
    for count in [200, 10_000, AnswerCompression.bodyBytesOnLoopMax + 1, 3_000_000] {
      let body = Self.text(count: max(count, 2000))
      let response = await answer(.json(bytes: body))
      #expect(try gunzip(response.body) == body)
    }
  }

  @Test("304 names the form that the client has")
  func notModified() async {
    func tag(_ known: String) async -> (String?, String?) {
      let response = await answer(.notModified(ETag(version: 7)), fields: [.ifNoneMatch: known])
      return (response.fields[.etag], response.fields[.vary])
    }
    #expect(await tag("\"v7-gzip\"") == ("\"v7-gzip\"", "Accept-Encoding"))
    #expect(await tag("\"v6\", \"v7-gzip\"") == ("\"v7-gzip\"", "Accept-Encoding"))
    #expect(await tag("\"v7\"") == ("\"v7\"", "Accept-Encoding"))
  }
}

private struct BadGzip: Error {}

private func gunzip(_ bytes: [UInt8]) throws -> [UInt8] {
  var stream = z_stream()
  guard
    inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
  else { throw BadGzip() }
  defer { inflateEnd(&stream) }
  var source = bytes
  let result = [UInt8](unsafeUninitializedCapacity: 8 << 20) { room, count in
    source.withUnsafeMutableBufferPointer { source in
      stream.next_in = source.baseAddress
      stream.avail_in = UInt32(source.count)
      stream.next_out = room.baseAddress
      stream.avail_out = UInt32(room.count)
      count = inflate(&stream, Z_FINISH) == Z_STREAM_END ? Int(stream.total_out) : 0
    }
  }
  guard !result.isEmpty else { throw BadGzip() }
  return result
}
