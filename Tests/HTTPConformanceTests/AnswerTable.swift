/// RFC 9110 sections 6.6.1, 8, 9.3, 14.2 and 15.5. Every answer of every table has one Date, one
/// framing, a Content-Type if it has content, and no field twice: see `ReceivedAnswer.check`.
let answerRules = [
  Rule(
    "Every answer has one Date in IMF-fixdate, not a few seconds old, and one framing",
    "9110 §6.6.1, §5.6.7; 9112 §6.3",
    [
      serve("200", get(), .hello),
      serve("200 answered later", get("/plaintext-async"), .hello),
      serve("200 with an empty body", post(), Answer(200, "", ["Content-Length": "0"])),
      serve("200 with a large body", post(length: 100_000), .mirrored(fill(100_000))),
      serve("204", ask("OPTIONS", "/mirror"), .allowing("POST, OPTIONS")),
      serve("400 by a handler", get("/slow"), .badRequest),
      serve("404", get("/none"), .notFound),
      serve("405", ask("PATCH", "/mirror"), .notAllowed("POST, OPTIONS")),
      refuse("400 by the parser", "BAD\r\n\r\n"),
      refuse("413 by the parser", post("Content-Length: 99999999"), 413),
      refuse("505 by the parser", line("GET / HTTP/2.0"), 505),
      serve("HTTP/1.9 is answered as HTTP/1.1", line("GET /plaintext HTTP/1.9"), .hello),
      close("HTTP/1.0 is answered as HTTP/1.1", line("GET /plaintext HTTP/1.0"), .hello),
    ]),
  Rule(
    "HEAD is answered as GET is: status, fields and length, but no body, errors included",
    "9110 §9.3.2",
    [
      parity("a body of text", get()),
      parity("a body of JSON", get("/json")),
      parity("a handler that suspends", get("/plaintext-async")),
      parity("a query", get("/slow?ms=0")),
      parity("a handler's 400", get("/slow")),
      parity("404", get("/none")),
      parity("405", get("/mirror")),
      parity("close", get("/plaintext", "Connection: close")),
      parity("a URL", get("http://b/plaintext")),
      parity("HTTP/1.0", "GET /plaintext HTTP/1.0\r\n\r\n"),
      parity("HTTP/1.0, kept alive", "GET /plaintext HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
      parity("a bad target", get("/%zz")),
      parity("a bad version", line("GET / HTTP/x")),
      parity("another version", line("GET / HTTP/2.0")),
      parity("a bad field", get("/plaintext", "X : y")),
      parity("no Host", host(nil)),
      parity("a bad length", get("/plaintext", "Content-Length: x")),
      parity("an unknown coding", get("/plaintext", "Transfer-Encoding: x")),
      parity("an expectation", get("/plaintext", "Expect: x")),
      parity("fields that are too many", get("/plaintext", times(100, "X: y\r\n") + "X: y")),
      parity("a target that is too long", get("/" + fill(20_000))),
      parity(
        "a body that is too long", get("/plaintext", "Content-Length: 99999999")),
      serve(
        "a body of HEAD's own is read", ask("HEAD", "/json", "Content-Length: 1") + "x" + get(),
        .json.toHead, .hello),
      serve("two in a row", ask("HEAD") + ask("HEAD"), .helloHead, .helloHead),
    ]),
  Rule(
    "404 and 405 leave the connection open; 405 says every method of the route",
    "9110 §15.5.5, §15.5.6",
    [
      serve("404", get("/none") + get(), .notFound, .hello),
      serve("404 to POST", ask("POST", "/none") + get(), .notFound, .hello),
      serve("404 to DELETE", ask("DELETE", "/none") + get(), .notFound, .hello),
      serve("404 to OPTIONS", ask("OPTIONS", "/none") + get(), .notFound, .hello),
      serve("404 to TRACE", ask("TRACE", "/none") + get(), .notFound, .hello),
      serve("405 of GET and HEAD", ask("PUT") + get(), .notAllowed("GET, HEAD, OPTIONS"), .hello),
      serve(
        "405 of POST", ask("HEAD", "/mirror") + get(), .notAllowed("POST, OPTIONS").toHead, .hello),
      serve(
        "405 in HTTP/1.9", line("PUT /mirror HTTP/1.9") + get(), .notAllowed("POST, OPTIONS"),
        .hello),
    ]),
  Rule(
    "OPTIONS on a route is 204 with its methods", "9110 §9.3.7",
    [
      serve("of GET and HEAD", ask("OPTIONS", "/plaintext"), .allowing("GET, HEAD, OPTIONS")),
      serve("of POST", ask("OPTIONS", "/mirror"), .allowing("POST, OPTIONS")),
      serve("with a query", ask("OPTIONS", "/mirror?a"), .allowing("POST, OPTIONS")),
      serve("of all", ask("OPTIONS", "*"), .allowing("GET, HEAD, POST, OPTIONS")),
    ]),
  Rule(
    "TRACE is 405 and echoes nothing", "9110 §9.3.8",
    [
      serve(
        "with a field", ask("TRACE", "/plaintext", "Cookie: a=secret"),
        .notAllowed("GET, HEAD, OPTIONS")),
      serve("elsewhere", ask("TRACE", "/mirror"), .notAllowed("POST, OPTIONS")),
    ]),
  Rule(
    "The server's own refusals are problem documents that take nothing from the request",
    "9110 §8.3, RFC 9457",
    [
      serve("a path", get("/<b>" + marker), .notFound),
      serve("a query", get("/none?<script>" + marker), .notFound),
      refuse("a target", line("GET " + marker + " HTTP/1.1")),
      refuse("a method", line("M" + marker + " / HTTP/1.1"), 501),
      refuse("a version", line("GET / " + marker)),
      refuse("a name", get("/plaintext", marker + " : x")),
      refuse("a value", get("/plaintext", "X: " + marker + "\u{1}")),
      refuse("a host", host("Host: <" + marker + ">")),
      refuse("a length", post("Content-Length: " + marker)),
      refuse("a coding", post("Transfer-Encoding: " + marker), 501),
      refuse("an expectation", get("/plaintext", "Expect: " + marker), 417),
      refuse("a chunk", chunked("1;" + marker + "=\r\n")),
    ]),
  Rule(
    "Range and conditions that a route does not know are ignored", "9110 §14.2, §13.1",
    [
      serve("a range", get("/plaintext", "Range: bytes=0-1"), .hello),
      serve("several ranges", get("/plaintext", "Range: bytes=0-1,3-4,-1"), .hello),
      serve("a range beyond the end", get("/plaintext", "Range: bytes=900-"), .hello),
      serve("a range that is none", get("/plaintext", "Range: x"), .hello),
      serve("a thousand ranges", get("/plaintext", "Range: bytes=" + times(1000, "0-,")), .hello),
      serve("a range on HEAD", ask("HEAD", "/plaintext", "Range: bytes=0-1"), .helloHead),
      serve("If-Range", get("/plaintext", "If-Range: \"a\"", "Range: bytes=0-1"), .hello),
      serve(
        "If-Modified-Since", get("/plaintext", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"),
        .hello),
      serve("If-Modified-Since that is no date", get("/plaintext", "If-Modified-Since: x"), .hello),
      serve(
        "a coding that is not served", get("/plaintext", "Accept-Encoding: br;q=1, *;q=0"), .hello),
      serve("TE", get("/plaintext", "TE: trailers, deflate", "Connection: TE"), .hello),
    ]),
  Rule(
    "A body that is no JSON, or not what the route wants, is 400: never a 5xx, never a crash",
    "RFC 8259 §8.1, §9",
    [
      serve("an order", order(good), Answer(200)),
      serve("nothing", order(""), .badRequest),
      serve("a part", order("{"), .badRequest),
      serve("a word", order("nul"), .badRequest),
      serve("another type", order("[1]"), .badRequest),
      serve("a missing member", order("{}"), .badRequest),
      serve("something behind it", order(#"{"id":1} x"#), .badRequest),
      serve("a number beyond Double", order(#"{"id":1e999}"#), .badRequest),
      serve("a number beyond Int", order(#"{"id":99999999999999999999}"#), .badRequest),
      serve("a NUL", order("\u{0}"), .badRequest),
      serve("a control in a string", order("{\"id\":\"\u{1}\"}"), .badRequest),
      serve("half a pair of UTF-16", order(#"{"customer":"\ud800"}"#), .badRequest),
      serve("bytes that are no UTF-8", order("{\"customer\":\"\u{ff}\"}"), .badRequest),
      serve(
        "UTF-8 that is longer than it need be", order("{\"customer\":\"\u{c0}\u{af}\"}"),
        .badRequest),
      serve("a byte-order mark", order("\u{ef}\u{bb}\u{bf}{}"), .badRequest),
      serve("UTF-16", order(utf16), .badRequest),
      serve("a string left open", order(#"{"customer":"a"#), .badRequest),
      serve("a comment", order("{/**/}"), .badRequest),
      serve("a comma at the end", order(#"{"id":1,}"#), .badRequest),
      serve("arrays of great depth", order(fill(100_000, "[")), .badRequest),
      serve("objects of great depth", order(times(100_000, "{\"a\":")), .badRequest),
      serve("arrays that end", order(fill(50_000, "[") + fill(50_000, "]")), .badRequest),
    ]),
]

/// A word that no answer may repeat.
let marker = "seven-sisters"

private let good =
  #"{"id":1,"customer":"a","email":"b","note":"c","items":[],"created_at":"d"}"#
/// The same in UTF-16, little-endian.
private let utf16 = good.unicodeScalars.map { "\($0)\u{0}" }.joined()

private func order(_ json: String) -> String {
  ask("POST", "/echo", "Content-Type: application/json", "Content-Length: \(json.latin1.count)")
    + json
}
