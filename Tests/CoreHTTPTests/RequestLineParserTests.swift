import HTTPMessages
import Testing

@testable import CoreHTTP

@Suite struct RequestLineParserTests {
  static let cases: [ParserCase] = [
    ParserCase("9112 §3", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", served: "GET /"),
    ParserCase("9112 §3", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §3", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §3", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §3", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §3", "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §3", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §3", "GET / HTTP/1.1 x\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §3", "GET\r\n\r\n", refused: 400),
    ParserCase("9112 app. C", "GET /\r\n\r\n", refused: 400),
    ParserCase("9112 app. C", "GET /\r\nHost: a\r\n\r\n", refused: 400),
    // Methods
    ParserCase("9110 §9.1", "get / HTTP/1.1\r\nHost: a\r\n\r\n", refused: 501),
    ParserCase("9110 §9.1", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", refused: 501),
    ParserCase("9110 §9.1", "GETGETGET / HTTP/1.1\r\nHost: a\r\n\r\n", refused: 501),
    ParserCase("5.6.2", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("5.6.2", "G\u{e9}T / HTTP/1.1\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9110 §9.1", String(repeating: "M", count: 33) + " / HTTP/1.1\r\n", refused: 501),
    ParserCase("9110 §9.1", String(repeating: "M", count: 32) + " / HTTP/1.1\r\n", refused: 501),
    ParserCase("9110 §9.3", "PATCH /a HTTP/1.1\r\nHost: a\r\n\r\n", served: "PATCH /a"),
    ParserCase("9110 §9.3", "DELETE /a HTTP/1.1\r\nHost: a\r\n\r\n", served: "DELETE /a"),
    ParserCase("9110 §9.3.8", "TRACE /a HTTP/1.1\r\nHost: a\r\n\r\n", served: "TRACE /a"),
    // Versions
    ParserCase("9112 §2.3", "GET / HTTP/1.0\r\n\r\n", served: "GET /"),
    ParserCase("9112 §2.3", "GET / HTTP/1.9\r\nHost: a\r\n\r\n", served: "GET /"),
    ParserCase("9112 §2.3", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", refused: 505),
    ParserCase("9112 §2.3", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", refused: 505),
    ParserCase("9112 §2.3", "GET / http/1.1\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §2.3", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §2.3", "GET / HTTP/11\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §2.3", "GET / HTTP/1.\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §2.3", "GET / HTTP/ 1.1\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §2.3", "GET / HTPP/1.1\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9113 §3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", refused: 505),
    ParserCase("9112 §3", [0x16, 0x03, 0x01, 0x02, 0x00], .init(end: .refused(400))),
    ParserCase("9112 §3", [0x00, 0x00, 0x00], .init(end: .refused(400))),
    // Line ends
    ParserCase("9112 §2.2", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", served: "GET /"),
    ParserCase("9112 §2.2", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §2.2", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §2.2", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §2.2", "GET / HTTP/1.1\nHost: a\n\n", refused: 400),
    ParserCase("9112 §2.2", "GET / HTTP/1.1\rHost: a\r\r", refused: 400),
    ParserCase("9112 §2.2", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", refused: 400),
    // Parts
    ParserCase("9112 §2", incomplete: "G"),
    ParserCase("9112 §2", incomplete: "GET / HTT"),
    ParserCase("9112 §2", incomplete: "GET / HTTP/1.1\r"),
    ParserCase("9112 §2", incomplete: "GET / HTTP/1.1\r\n"),
    ParserCase("9112 §2", incomplete: "\r"),
  ]

  @Test("a request line is method, target and version, one space each", arguments: cases)
  func requestLine(_ sample: ParserCase) {
    sample.check()
  }

  @Test("a request line of the largest length is served and one byte more is 414")
  func lengthLimit() {
    var limits = HTTPLimits()
    limits.requestLineBytesMax = 8000
    let longest = "/" + String(repeating: "a", count: 8000 - "GET / HTTP/1.1".utf8.count)
    ParserCase("9112 §3", get(longest), served: "GET \(longest)").check(limits: limits)
    ParserCase("9112 §3", get(longest + "a"), refused: 414).check(limits: limits)
  }

  @Test("an endless request line is refused before it ends")
  func endless() {
    let bytes = Array("GET /".utf8) + [UInt8](repeating: 0x61, count: 20_000)
    ParserCase("9112 §3", bytes, .init(end: .refused(414))).check()
  }
}
