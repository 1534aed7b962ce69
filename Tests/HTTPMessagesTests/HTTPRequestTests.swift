import HTTPMessages
import Testing

@Suite struct HTTPRequestTests {
  @Test(
    "a target is a path and perhaps a query",
    arguments: [
      ("/a/b", "/a/b", nil), ("/a?", "/a", ""), ("/a?b?c", "/a", "b?c"), ("/", "/", nil),
      ("/a%3Fb?c", "/a%3Fb", "c"), ("*", "*", nil),
    ] as [(String, String, String?)])
  func parts(_ target: String, path: String, query: String?) {
    let request = HTTPRequest(.get, target)
    #expect(request.target == target)
    #expect(request.path == path)
    #expect(request.query == query)
  }

  @Test("a target can be replaced")
  func replacing() {
    let head = Array("GET /a?b HTTP/1.1".utf8)
    var request = HTTPRequest(.put, "/")
    request.peer = PeerAddress("10.0.0.1")
    request.receive(.get, head: head.span, lines: Span(), target: 4..<8, pathEnd: 6)
    #expect(request.method == .get)
    #expect(request.target == "/a?b")
    #expect(request.peer?.description == "10.0.0.1")
    request.target = "/c"
    #expect(request.path == "/c")
    #expect(request.query == nil)
  }

  @Test("of a request that another one takes the place of nothing stays but the peer")
  func received() {
    var request = HTTPRequest(.post, "/a", fields: ["A": "1"], body: [1])
    request.peer = PeerAddress("10.0.0.1")
    request.authority = "localhost:1"
    request.isSecure = true
    request.timeout = .seconds(1)
    request.sendsOnFreshConnection = true
    request.receive(.get, head: Span(), lines: Span(), target: 0..<0, pathEnd: 0)
    #expect(request.body.isEmpty && request.target.isEmpty && request.fields.isEmpty)
    #expect(request.authority == nil && !request.isSecure && request.timeout == nil)
    #expect(!request.sendsOnFreshConnection)
    #expect(request.peer?.description == "10.0.0.1")
  }

  @Test("who changes a request leaves the copies of others alone")
  func copies() {
    let original = HTTPRequest(.post, "/a?b", fields: ["A": "1"], body: [1])
    var copy = original
    copy.method = .put
    copy.target = "/c"
    copy.fields["A"] = "2"
    copy.body.append(2)
    copy.authority = "localhost:1"
    #expect(original.method == .post && original.target == "/a?b" && original.fields["A"] == "1")
    #expect(original.body == [1] && original.authority == nil)
    let held = copy
    copy.receive(.get, head: Span(), lines: Span(), target: 0..<0, pathEnd: 0)
    #expect(copy.body.isEmpty && copy.target.isEmpty && copy.fields.isEmpty)
    #expect(copy.authority == nil)
    #expect(held.method == .put && held.target == "/c" && held.fields["A"] == "2")
    #expect(held.body == [1, 2] && held.authority == "localhost:1")
  }

  @Test(
    "a query is decoded as a form",
    arguments: [
      ("", ""), ("a=1&b=2", "a=1 b=2"), ("a", "a="), ("=1", "=1"), ("a=b=c", "a=b=c"),
      ("&&a=1&", "a=1"), ("a=x+y%2Bz", "a=x y+z"), ("%61=%C3%BC", "a=ü"), ("a=1&a=2", "a=1 a=2"),
    ])
  func queryItems(_ query: String, expected: String) throws {
    let items = try HTTPRequest(.get, "/?" + query).queryItems
    #expect(items.map { "\($0.name)=\($0.value)" }.joined(separator: " ") == expected)
  }

  @Test("a query that cannot be decoded says why")
  func badQueries() {
    for query in ["a=%", "a=%4", "a=%zz", "%00=a"] {
      #expect(throws: HTTPRequest.QueryError.badEscape) {
        try HTTPRequest(.get, "/?" + query).queryItems
      }
    }
    #expect(throws: HTTPRequest.QueryError.notUTF8) {
      try HTTPRequest(.get, "/?a=%ff").queryItems
    }
    #expect(throws: Never.self) { try HTTPRequest(.get, "/").queryItems }
  }
}
