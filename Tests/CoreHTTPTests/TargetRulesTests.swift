import HTTPMessages
import Testing

@testable import CoreHTTP

@Suite struct TargetRulesTests {
  static let cases: [ParserCase] = [
    ParserCase("9112 §3.2.1", get("/a/b?c=d&e"), served: "GET /a/b?c=d&e"),
    ParserCase("9112 §3.2.1", get("/?"), served: "GET /?"),
    ParserCase("9112 §3.2.1", get("//a"), served: "GET //a"),
    ParserCase("9112 §3.2.1", get("a"), refused: 400),
    ParserCase("9112 §3.2.1", get("?a"), refused: 400),
    // absolute-form
    ParserCase("9112 §3.2.2", get("http://b/c?d"), served: "GET /c?d"),
    ParserCase("9112 §3.2.2", get("HTTPS://b:443/c"), served: "GET /c"),
    ParserCase("9112 §3.2.2", get("http://b"), served: "GET /"),
    ParserCase("9112 §3.2.2", get("http://b?c"), served: "GET /?c"),
    ParserCase("9112 §3.2.2", get("http://[::1]:80/c"), served: "GET /c"),
    ParserCase("9112 §3.2.2", get("http:///c"), refused: 400),
    ParserCase("9112 §3.2.2", get("http://:80/c"), refused: 400),
    ParserCase("9112 §3.2.2", get("http://u@b/c"), refused: 400),
    ParserCase("9112 §3.2.2", get("http://u:p@b/c"), refused: 400),
    ParserCase("9112 §3.2.2", get("http://b:x/c"), refused: 400),
    ParserCase("9112 §3.2.2", get("http://b:99999/c"), refused: 400),
    ParserCase("9112 §3.2.2", get("ftp://b/c"), refused: 400),
    ParserCase("9112 §3.2.2", get("http:/b/c"), refused: 400),
    ParserCase("9112 §3.2.2", "GET http://b/ HTTP/1.1\r\n\r\n", refused: 400),
    // authority-form and asterisk-form
    ParserCase("9112 §3.2.3", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", refused: 501),
    ParserCase("9112 §3.2.3", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", refused: 400),
    ParserCase("9112 §3.2.3", get("a:443"), refused: 400),
    ParserCase("9112 §3.2.4", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", served: "OPTIONS *"),
    ParserCase("9112 §3.2.4", get("*"), refused: 400),
    ParserCase("9112 §3.2.4", "OPTIONS *a HTTP/1.1\r\nHost: a\r\n\r\n", refused: 400),
    // Bytes
    ParserCase("3986 §2", get("/a#b"), refused: 400),
    ParserCase("3986 §2", get("/a\u{7f}"), refused: 400),
    ParserCase("3986 §2", get("/\u{e9}"), refused: 400),
    ParserCase("3986 §2", get("/a\u{0}b"), refused: 400),
    ParserCase("3986 §2", get("/12345678\u{1}90123456"), refused: 400),
    ParserCase("3986 §2", get("/1234567#90123456"), refused: 400),
    // Escapes
    ParserCase("3986 §2.1", get("/%41%2fb%2F"), served: "GET /%41%2fb%2F"),
    ParserCase("3986 §2.1", get("/%e2%82%ac"), served: "GET /%e2%82%ac"),
    ParserCase("3986 §2.1", get("/%4"), refused: 400),
    ParserCase("3986 §2.1", get("/%"), refused: 400),
    ParserCase("3986 §2.1", get("/%4/1"), refused: 400),
    ParserCase("3986 §2.1", get("/%zz"), refused: 400),
    ParserCase("3986 §2.1", get("/a%00b"), refused: 400),
    ParserCase("3986 §2.1", get("/%ff"), refused: 400),
    ParserCase("3986 §2.1", get("/%c0%af"), refused: 400),
    ParserCase("3986 §2.1", get("/%e2%82/%ac"), refused: 400),
    ParserCase("3986 §3.4", get("/a?%zz%00"), served: "GET /a?%zz%00"),
    ParserCase("3986 §3.4", get("/a?../../%"), served: "GET /a?../../%"),
    // Dot segments
    ParserCase("3986 §5.2.4", get("/a/../b"), refused: 400),
    ParserCase("3986 §5.2.4", get("/.."), refused: 400),
    ParserCase("3986 §5.2.4", get("/./a"), refused: 400),
    ParserCase("3986 §5.2.4", get("/a/%2e%2E/b"), refused: 400),
    ParserCase("3986 §5.2.4", get("/a/.%2e?x"), refused: 400),
    ParserCase("3986 §5.2.4", get("http://a/../b"), refused: 400),
    ParserCase("3986 §5.2.4", get("/.well-known/..a/a.."), served: "GET /.well-known/..a/a.."),
  ]

  @Test("a target is in one of four forms, escaped rightly, without dot segments", arguments: cases)
  func target(_ sample: ParserCase) {
    sample.check()
  }

  @Test("the authority of an absolute target replaces Host")
  func authorityReplacesHost() throws {
    let request = try parsed(get("http://shop.example:8080/a"))
    #expect(request.fields.values(.host) == ["shop.example:8080"])
  }
}

/// The one request that `text` is.
func parsed(_ text: String) throws -> HTTPRequest {
  var parser = RequestParser()
  var consumed = 0
  let step = parser.advance(Array(text.utf8).span, consumed: &consumed)
  guard case .request = step else { throw Refusal(.badRequest, "\(step)") }
  return parser.takeRequest()
}
