import HTTPMessages
import Testing

@testable import CoreHTTP

@Suite struct ChunkedBodyTests {
  static let cases: [ParserCase] = [
    served("0\r\n\r\n", ""),
    served("3\r\nabc\r\n0\r\n\r\n", "abc"),
    served("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde"),
    served("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
    served("0000000000000003\r\nabc\r\n000\r\n\r\n", "abc"),
    served("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
    refused("00000000000000003\r\nabc\r\n0\r\n\r\n"),
    refused("\r\nabc\r\n0\r\n\r\n"),
    refused("3 \r\nabc\r\n0\r\n\r\n"),
    refused(" 3\r\nabc\r\n0\r\n\r\n"),
    refused("+3\r\nabc\r\n0\r\n\r\n"),
    refused("-3\r\nabc\r\n0\r\n\r\n"),
    refused("0x3\r\nabc\r\n0\r\n\r\n"),
    refused("g\r\nabc\r\n0\r\n\r\n"),
    refused("3\nabc\r\n0\r\n\r\n"),
    refused("3\r\nabc\n0\r\n\r\n"),
    refused("3\r\nabc0\r\n\r\n"),
    refused("3\r\nabcd\r\n0\r\n\r\n"),
    refused("3\r\nabc\r\n0\r\n\n"),
    refused("3\rabc\r\n0\r\n\r\n"),
    refused("ffffffffffffffff\r\nabc", 413),
    refused("7fffffffffffffff\r\nabc", 413),
    refused("100001\r\nabc", 413),
    // Extensions (9112 §7.1.1)
    served("3;a\r\nabc\r\n0;b=c;d\r\n\r\n", "abc"),
    served("3;a=\"b;\\\"\r\t\"".replacing("\r", with: " ") + "\r\nabc\r\n0\r\n\r\n", "abc"),
    served("3;a=\"\"\r\nabc\r\n0\r\n\r\n", "abc"),
    refused("3;\r\nabc\r\n0\r\n\r\n"),
    refused("3;a=\r\nabc\r\n0\r\n\r\n"),
    refused("3;=b\r\nabc\r\n0\r\n\r\n"),
    refused("3;a b\r\nabc\r\n0\r\n\r\n"),
    refused("3 ;a\r\nabc\r\n0\r\n\r\n"),
    refused("3;a=\"b\r\nabc\r\n0\r\n\r\n"),
    refused("3;a=\"b\"c\r\nabc\r\n0\r\n\r\n"),
    refused("3;a\n0\r\n\r\n"),
    // Trailers (9112 §7.1.2)
    served("3\r\nabc\r\n0\r\nX: y\r\nHost: z\r\nContent-Length: 9\r\n\r\n", "abc"),
    refused("0\r\nX : y\r\n\r\n"),
    refused("0\r\n X: y\r\n\r\n"),
    refused("0\r\nX: y\nZ: a\r\n\r\n"),
    refused("0\r\nX\r\n\r\n"),
    refused("0\r\n" + String(repeating: "X: y\r\n", count: 33) + "\r\n", 431),
    ParserCase("9112 §8", incomplete: head + "3\r\nab"),
    ParserCase("9112 §8", incomplete: head + "3\r\nabc\r\n0\r\n"),
  ]

  private static let head = post("Transfer-Encoding: chunked")

  private static func served(_ body: String, _ content: String) -> ParserCase {
    ParserCase(
      "9112 §7.1", head + body + get("/next"),
      served: content.isEmpty ? "POST /" : "POST / \(content)", "GET /next")
  }

  private static func refused(_ body: String, _ status: Int = 400) -> ParserCase {
    ParserCase("9112 §7.1", head + body, refused: status)
  }

  @Test("a chunked body is sizes, data and trailers to the letter", arguments: cases)
  func chunks(_ sample: ParserCase) {
    sample.check()
  }

  @Test("chunk lines, extensions and trailers have limits")
  func limits() {
    let long = "3;a=" + String(repeating: "b", count: 253) + "\r\nabc\r\n0\r\n\r\n"
    Self.refused(long).check()
    let fits = "3;a=" + String(repeating: "b", count: 252) + "\r\nabc\r\n0\r\n\r\n"
    Self.served(fits, "abc").check()
    var limits = HTTPLimits()
    limits.chunkExtensionBytesMax = 100
    let many = String(repeating: "1;extension=10\r\na\r\n", count: 10) + "0\r\n\r\n"
    Self.refused(many).check(limits: limits)
    let trailer = "0\r\nX: " + String(repeating: "y", count: 8 * 1024) + "\r\n\r\n"
    Self.refused(trailer, 431).check()
  }

  @Test("a body of many small chunks is refused when it crosses the limit, not before")
  func totalLimit() {
    var limits = HTTPLimits()
    limits.bodyBytesMax = 20
    let full = String(repeating: "2\r\nab\r\n", count: 10)
    let content = String(repeating: "ab", count: 10)
    Self.served(full + "0\r\n\r\n", content).check(limits: limits)
    Self.refused(full + "1\r\na\r\n0\r\n\r\n", 413).check(limits: limits)
  }
}
