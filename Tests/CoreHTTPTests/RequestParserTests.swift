import HTTPMessages
import Testing

@testable import CoreHTTP

@Suite struct RequestParserTests {
  static let cases: [ParserCase] = [
    ParserCase(
      "9112 §9.3.2", get("/a") + get("/b") + get("/c"), served: "GET /a", "GET /b", "GET /c"),
    ParserCase(
      "9112 §9.3.2", post("Content-Length: 2", body: "ab") + "\r\n" + get("/c"),
      served: "POST / ab", "GET /c"),
    ParserCase("9112 §9.3", get("/a") + "BAD\r\n\r\n", refused: 400, after: "GET /a"),
    ParserCase(
      "9112 §6.3", post("Content-Length: 2", body: "abc"), served: "POST / ab"
    ).incomplete(),
    ParserCase(
      "9112 §6.1", post("Content-Length: 1", "Content-Length: 1", body: "a") + get("/b"),
      refused: 400),
  ]

  @Test("requests follow one another on a connection", arguments: cases)
  func sequences(_ sample: ParserCase) {
    sample.check()
  }

  @Test("a received request shows what arrived")
  func accessors() throws {
    let request = try parsed(get("/products/7?limit=2&q=a+b%21", "X-Request-Id: r1"))
    #expect(request.method == .get)
    #expect(request.target == "/products/7?limit=2&q=a+b%21")
    #expect(request.path == "/products/7")
    #expect(request.query == "limit=2&q=a+b%21")
    #expect(try request.queryItems.map(\.value) == ["2", "a b!"])
    #expect(request.fields[.requestID] == "r1")
    #expect(request.fields.count == 2)
  }

  @Test("a parser serves another connection as if it were new")
  func anotherConnection() throws {
    let fields = ["Connection: close", "X-Request-Id: r1"]
    for next in [get("/b"), get("/b", fields[0], fields[1]), post("Content-Length: 1", body: "b")] {
      var parser = RequestParser(peer: PeerAddress("192.0.2.1"))
      let before = try #require(request(get("/a", fields[0], fields[1]), by: &parser))
      #expect(!parser.keepsAlive)
      // A line begun by a client that went away.
      var consumed = 0
      _ = parser.advance(Array("GET /gone".utf8).span, consumed: &consumed)
      try #require(parser.isAtRest)
      parser.begin(for: try #require(PeerAddress("2001:db8::2")))
      let after = try #require(request(next, by: &parser))
      var fresh = RequestParser()
      let expected = try #require(request(next, by: &fresh))
      #expect(parser.keepsAlive == fresh.keepsAlive)
      #expect(after.target == expected.target)
      #expect(after.body == expected.body)
      #expect(after.fields.description == expected.fields.description)
      #expect(after.peer?.description == "2001:db8::2")
      #expect(before.peer?.description == "192.0.2.1")
      #expect(before.target == "/a")
    }
  }

  @Test("a parser inside of a request, or of what is none, serves nobody else")
  func notAtRest() {
    for text in [post("Content-Length: 2", body: "a"), "GET / HTTP/1.1\r\nHost", get("/", "bad")] {
      var parser = RequestParser()
      _ = request(text, by: &parser)
      #expect(!parser.isAtRest)
    }
  }

  /// The one request of `text`, or nil without a whole one.
  private func request(_ text: String, by parser: inout RequestParser) -> HTTPRequest? {
    let bytes = Array(text.utf8)
    var offset = 0
    while true {
      var consumed = 0
      let step = parser.advance(bytes.span.extracting(offset...), consumed: &consumed)
      offset += consumed
      switch step {
      case .incomplete, .refused: return nil
      case .head: do { try parser.admitBody() } catch { return nil }
      case .request: return parser.takeRequest()
      }
    }
  }

  @Test("a route's own body limit holds instead of the server's")
  func admission() throws {
    let text = post("Content-Length: 10", body: "0123456789")
    for (bytesMax, isServed) in [(9, false), (10, true)] {
      var parser = RequestParser()
      var consumed = 0
      let bytes = Array(text.utf8)
      guard case .head = parser.advance(bytes.span, consumed: &consumed) else {
        Issue.record("no head")
        return
      }
      #expect(parser.head.path == "/")
      if isServed {
        try parser.admitBody(bytesMax: bytesMax)
      } else {
        #expect(throws: Refusal.bodyTooLarge) { try parser.admitBody(bytesMax: bytesMax) }
      }
    }
  }

  @Test("mutated messages are served or refused, whatever they are, and alike in every cut")
  func mutations() {
    var random = SplitMix(state: 42)
    let seeds = [
      get("/a?b=%20c", "X: y"),
      post("Transfer-Encoding: chunked", body: "3;a=\"b\"\r\nabc\r\n0\r\nT: u\r\n\r\n"),
      post("Content-Length: 3", body: "abc") + get("http://b/c"),
    ]
    for round in 0..<3000 {
      var bytes = Array(seeds[round % seeds.count].utf8)
      for _ in 0...(round % 4) {
        let place = Int(random.next() % UInt64(bytes.count))
        switch random.next() % 3 {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes.remove(at: place)
        default: bytes.insert(bytes[Int(random.next() % UInt64(bytes.count))], at: place)
        }
      }
      let whole = ParserCase.outcome(of: [bytes[...]])
      let single = ParserCase.outcome(of: bytes.indices.map { bytes[$0...$0] })
      #expect(whole == single, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
    }
  }

  @Test("what went before on a connection changes nothing in what a request is", arguments: 1...8)
  func repetitions(seed: UInt64) {
    var random = SplitMix(state: seed)
    let lines = [
      "GET / HTTP/1.1", "GET /a/longer?path HTTP/1.1", "HEAD / HTTP/1.1", "GET /old HTTP/1.0",
      "GET http://b:81/c HTTP/1.1", "GET http://b HTTP/1.1", "POST / HTTP/1.1",
    ]
    let sections = [
      "Host: a\r\n\r\n", "Host: b\r\n\r\n", "Host: a\r\nX: 1\r\nx:2 \r\n\r\n",
      "Host: a\r\nX: 1\r\nx:3 \r\n\r\n", "Host: a\r\nConnection: keep-alive\r\n\r\n",
      "Connection: keep-alive\r\n\r\n", "\r\n", "Host: a\r\nContent-Length: 0\r\n\r\n",
      "Host: a\r\nContent-Length: 3\r\n\r\nabc", "Host: a\r\nHost: a\r\n\r\n",
    ]
    var used = RequestParser()
    var held: [HTTPRequest] = []
    for _ in 0..<2000 {
      let line = lines[Int.random(in: 0..<lines.count, using: &random)]
      let section = sections[Int.random(in: 0..<sections.count, using: &random)]
      let text = Array("\(line)\r\n\(section)".utf8)
      var fresh = RequestParser()
      let expected = Self.read(text, by: &fresh)
      let found = Self.read(text, by: &used)
      #expect(found.shown == expected.shown, "\(line) \(section)")
      guard let request = found.request else {
        used = RequestParser()
        continue
      }
      // Handlers may hold a request, and change theirs.
      if Bool.random(using: &random) { held.append(request) }
      if held.count > 3 { held.removeAll() }
      if var last = held.last, Bool.random(using: &random) { last.fields["X"] = "changed" }
    }
  }

  /// One request, with all that a parser says of it.
  private static func read(
    _ text: [UInt8], by parser: inout RequestParser
  ) -> (request: HTTPRequest?, shown: String) {
    var consumed = 0
    var step = parser.advance(text.span, consumed: &consumed)
    if case .head = step {
      do throws(Refusal) {
        try parser.admitBody()
      } catch {
        return (nil, "\(error.status.code)")
      }
      let rest = Array(text[consumed...])
      step = parser.advance(rest.span, consumed: &consumed)
    }
    switch step {
    case .request: break
    case .refused(let refusal): return (nil, "\(refusal.status.code) \(refusal.reason)")
    case .incomplete, .head: return (nil, "incomplete")
    }
    let request = parser.takeRequest()
    let shown = """
      \(request.method) \(request.target) \(request.path)
      \(request.fields) \(request.body)
      \(parser.keepsAlive) \(parser.isOldVersion) \(parser.expectsContinue)
      """
    return (request, shown)
  }

  @Test("a body goes with its request: an idle connection does not keep it")
  func handsOverBody() throws {
    var parser = RequestParser()
    let head = Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4096\r\n\r\n".utf8)
    let body = [UInt8](repeating: 0x61, count: 4096)
    var consumed = 0
    guard case .head = parser.advance(head.span, consumed: &consumed) else {
      throw Refusal(.badRequest, "no head")
    }
    try parser.admitBody()
    guard case .request = parser.advance(body.span, consumed: &consumed) else {
      throw Refusal(.badRequest, "no request")
    }
    var request = parser.takeRequest()
    // Who alone holds an array changes it where it is.
    let place = request.body.withUnsafeBytes { $0.baseAddress }
    request.body[0] = 0x62
    #expect(request.body.withUnsafeBytes { $0.baseAddress } == place)
  }
}

extension ParserCase {
  /// The same, with a part of a further request behind it.
  fileprivate func incomplete() -> ParserCase {
    ParserCase(section, bytes, Outcome(requests: outcome.requests, end: .incomplete))
  }
}

/// A small generator with a seed, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
