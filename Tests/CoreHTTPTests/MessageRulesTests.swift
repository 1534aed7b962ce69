import HTTPMessages
import Testing

@testable import CoreHTTP

@Suite struct MessageRulesTests {
  static let cases: [ParserCase] = [
    // Host
    ParserCase("9112 §3.2", "GET / HTTP/1.1\r\n\r\n", refused: 400),
    ParserCase("9112 §3.2", get("/", "Host: a"), refused: 400),
    ParserCase("9112 §3.2", get("/", "host: b"), refused: 400),
    ParserCase("9112 §3.2", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §3.2", "GET / HTTP/1.1\r\nHost:\r\n\r\n", served: "GET /"),
    host("a.b-c_d~e:8080", isServed: true),
    host("127.0.0.1", isServed: true),
    host("[::1]", isServed: true),
    host("[2001:db8::1]:80", isServed: true),
    host("a%20b!$&'()*+,;=", isServed: true),
    host("a b", isServed: false),
    host("a/b", isServed: false),
    host("u@a", isServed: false),
    host("a:b", isServed: false),
    host("a:1:2", isServed: false),
    host("a:+1", isServed: false),
    host("[::1", isServed: false),
    host("::1", isServed: false),
    host("[::g]", isServed: false),
    host("[::1]a", isServed: false),
    host("a%2", isServed: false),
    host("a%zz", isServed: false),
    host("\u{e9}", isServed: false),
    host("a, b", isServed: false),
    // Content-Length
    ParserCase("9112 §6.3", post(), served: "POST /"),
    ParserCase("9112 §6.3", post("Content-Length: 0"), served: "POST /"),
    ParserCase("9112 §6.3", post("Content-Length: 3", body: "abc"), served: "POST / abc"),
    ParserCase("9112 §6.3", post("content-LENGTH: 003", body: "abc"), served: "POST / abc"),
    ParserCase("9112 §6.3", get("/", "Content-Length: 3", body: "abc"), served: "GET / abc"),
    ParserCase("9112 §8", incomplete: post("Content-Length: 3", body: "ab")),
    length("+3"), length("-3"), length("3 3"), length("3,3"), length("3, 3"), length("0x3"),
    length(""), length("3.0"), length("\u{663}"), length("9223372036854775808"),
    length("18446744073709551619"), length("99999999999999999999999999999999999999"),
    length("9223372036854775807", status: 413), length("1048577", status: 413),
    ParserCase("9112 §6.3", post("Content-Length: 3", "Content-Length: 3"), refused: 400),
    ParserCase("9112 §6.3", post("Content-Length: 3", "Content-Length: 4"), refused: 400),
    ParserCase(
      "9112 §6.1", post("Content-Length: 3", "Transfer-Encoding: chunked"), refused: 400),
    ParserCase(
      "9112 §6.1", post("Transfer-Encoding: chunked", "Content-Length: 0"), refused: 400),
    // Transfer-Encoding
    ParserCase("9112 §6.1", post("Transfer-Encoding: chunked", body: end), served: "POST /"),
    ParserCase("9112 §6.1", post("transfer-encoding:\tCHUNKED ", body: end), served: "POST /"),
    coding("gzip", status: 501),
    coding("gzip, chunked", status: 501),
    coding("identity", status: 501),
    coding("x-\u{1}chunked", status: 400),
    coding("chunked, chunked", status: 400),
    coding("chunked, gzip", status: 400),
    coding("chunked;q=1", status: 400),
    coding("chunked,", status: 400),
    coding(",chunked", status: 400),
    coding("", status: 400),
    coding("\"chunked\"", status: 400),
    coding("xchunked", status: 501),
    coding("chunked\r\nTransfer-Encoding: chunked", status: 400),
    coding("chunked\r\nTransfer-Encoding: identity", status: 400),
    ParserCase(
      "9112 §6.1", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + end, refused: 400),
    // Expect and Upgrade
    ParserCase("9110 §10.1.1", post("Expect: 200-maybe"), refused: 417),
    ParserCase("9110 §10.1.1", post("Expect: 100-continue"), served: "POST /"),
    ParserCase("9110 §10.1.1", "GET / HTTP/1.0\r\nExpect: x\r\n\r\n", served: "GET /"),
    ParserCase("9110 §7.8", get("/", "Upgrade: h2c", "Connection: upgrade"), served: "GET /"),
  ]

  private static let end = "0\r\n\r\n"

  private static func host(_ value: String, isServed: Bool) -> ParserCase {
    let text = "GET / HTTP/1.1\r\nHost: \(value)\r\n\r\n"
    return isServed
      ? ParserCase("3986 §3.2.2", text, served: "GET /")
      : ParserCase("3986 §3.2.2", text, refused: 400)
  }

  private static func length(_ value: String, status: Int = 400) -> ParserCase {
    ParserCase("9110 §8.6", post("Content-Length: \(value)", body: "abc"), refused: status)
  }

  private static func coding(_ value: String, status: Int) -> ParserCase {
    ParserCase("9112 §6.1", post("Transfer-Encoding: \(value)", body: end), refused: status)
  }

  @Test("Host, framing and expectations are read strictly", arguments: cases)
  func rules(_ sample: ParserCase) {
    sample.check()
  }

  @Test(
    "a connection goes on by its version and its Connection fields (9112 §9.3, §9.6)",
    arguments: [
      ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
      ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
      ("GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n\r\n", false),
      ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close ,y\r\n\r\n", false),
      ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n", false),
      ("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n", false),
      ("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", true),
      ("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", true),
      ("GET / HTTP/1.0\r\n\r\n", false),
      ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
      ("GET / HTTP/1.0\r\nConnection: Keep-Alive, x\r\n\r\n", true),
      ("GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false),
    ])
  func persistence(_ text: String, keepsAlive: Bool) throws {
    var parser = RequestParser()
    var consumed = 0
    guard case .request = parser.advance(Array(text.utf8).span, consumed: &consumed) else {
      Issue.record("not a request")
      return
    }
    #expect(parser.keepsAlive == keepsAlive)
  }
}
