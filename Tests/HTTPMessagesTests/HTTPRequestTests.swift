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
    var request = HTTPRequest(
      received: .get, head: Array("GET /a?b HTTP/1.1".utf8), target: 4..<8, fields: .init())
    #expect(request.target == "/a?b")
    request.target = "/c"
    #expect(request.path == "/c")
    #expect(request.query == nil)
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
