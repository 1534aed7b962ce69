import CoreHTTP
import HTTPMessages
import Testing

@Suite struct RouterTests {
  /// Answers with the name of the route and its parameters.
  private static func router() -> Router {
    var router = Router()
    for (method, pattern) in [
      (.get, "/products"), (.post, "/products"), (.get, "/products/{id}"),
      (.put, "/products/{number}"), (.get, "/products/featured"), (.get, "/products/{id}/stock"),
      (.get, "/{kind}/{id}/history"), (.get, "/"), (.delete, "/a b/ü"),
    ] as [(HTTPMethod, String)] {
      router.onSync(method, pattern) { request, parameters in
        let names = ["id", "number", "kind"].compactMap { name in
          parameters[name].map { "\(name)=\($0)" }
        }
        return HTTPResponse(.ok, body: Array(names.joined(separator: " ").utf8))
      }
    }
    router.on(.get, "/later") { _, _ in HTTPResponse(.accepted) }
    return router
  }

  private func answer(_ method: HTTPMethod, _ target: String) async throws -> HTTPResponse {
    try await Self.router().handle(HTTPRequest(method, target))
  }

  @Test(
    "a path finds its pattern, literals before parameters, and its parameters' values",
    arguments: [
      ("/products", "/products", ""),
      ("/products/", nil, nil),
      ("/products?x=/y", "/products", ""),
      ("/products/7", "/products/{id}", "id=7"),
      ("/products/featured", "/products/featured", ""),
      ("/products/f%65atured", "/products/featured", ""),
      ("/products/featured/stock", "/products/{id}/stock", "id=featured"),
      ("/products/7/history", "/{kind}/{id}/history", "id=7 kind=products"),
      ("/products/a%2Fb", "/products/{id}", "id=a/b"),
      ("/products/%C3%BC", "/products/{id}", "id=ü"),
      ("/products/a+b", "/products/{id}", "id=a+b"),
      ("/products//stock", nil, nil),
      ("//products", nil, nil),
      ("/", "/", ""),
      ("/Products", nil, nil),
      ("/products/7/stock/more", nil, nil),
      ("/products/%zz", nil, nil),
      ("", nil, nil),
    ] as [(String, String?, String?)])
  func matching(_ target: String, pattern: String?, values: String?) async throws {
    let response = try await answer(.get, target)
    #expect(response.route == pattern)
    if let values {
      #expect(response.status == .ok)
      #expect(String(decoding: response.body, as: UTF8.self) == values)
    } else {
      #expect(response.status == .notFound)
      #expect(response.fields[.contentType] == "application/problem+json")
    }
  }

  @Test("routes of one path may name its parameters each in their way")
  func namesPerRoute() async throws {
    let response = try await answer(.put, "/products/7")
    #expect(String(decoding: response.body, as: UTF8.self) == "number=7")
  }

  @Test("a literal segment may need escapes on the wire")
  func escapedLiteral() async throws {
    #expect(try await answer(.delete, "/a%20b/%C3%BC").status == .ok)
  }

  @Test("a method that the path does not have is 405 with every method it has (9110 §15.5.6)")
  func methodNotAllowed() async throws {
    let response = try await answer(.delete, "/products")
    #expect(response.status == .methodNotAllowed)
    #expect(response.fields[.allow] == "GET, HEAD, POST, OPTIONS")
    #expect(response.route == "/products")
    #expect(try await answer(.trace, "/products").status == .methodNotAllowed)
    #expect(try await answer(.head, "/a%20b/%C3%BC").fields[.allow] == "DELETE, OPTIONS")
  }

  @Test("OPTIONS tells the methods of a route, and of all for * (9110 §9.3.7)")
  func options() async throws {
    let response = try await answer(.options, "/products/7")
    #expect(response.status == .noContent)
    #expect(response.fields[.allow] == "GET, HEAD, PUT, OPTIONS")
    let all = try await answer(.options, "*")
    #expect(all.status == .noContent)
    #expect(all.fields[.allow] == "GET, HEAD, POST, PUT, DELETE, OPTIONS")
    #expect(try await answer(.options, "/nowhere").status == .notFound)
  }

  @Test("HEAD is answered by the handler of GET (9110 §9.3.2)")
  func head() async throws {
    #expect(try await answer(.head, "/products/7").status == .ok)
  }

  @Test("404 and 405 can be worded by whoever owns the router")
  func refusalHook() async throws {
    var router = Self.router()
    router.refusal = { status, request in
      HTTPResponse(status, body: Array("\(status.code) \(request.path)".utf8))
    }
    let missing = try await router.handle(HTTPRequest(.get, "/x"))
    #expect(String(decoding: missing.body, as: UTF8.self) == "404 /x")
    let refused = try await router.handle(HTTPRequest(.patch, "/products"))
    #expect(refused.fields[.allow] == "GET, HEAD, POST, OPTIONS")
  }

  @Test("a synchronous route is answered at once, another later")
  func answering() throws {
    guard case .ready = try Self.router().begin(HTTPRequest(.get, "/products")),
      case .later = try Self.router().begin(HTTPRequest(.get, "/later"))
    else {
      Issue.record("wrong way of answering")
      return
    }
  }

  @Test("a body is admitted by its route's limit, and unwanted where no route is")
  func bodyAdmission() {
    var router = Router()
    router.on(.post, "/small", bodyBytesMax: 10) { _, _ in HTTPResponse(.ok) }
    router.on(.post, "/usual") { _, _ in HTTPResponse(.ok) }
    func admission(_ target: String) -> String {
      switch router.bodyAdmission(for: HTTPRequest(.post, target)) {
      case .unwanted: "unwanted"
      case .whole(let bytesMax): "\(bytesMax ?? -1)"
      }
    }
    #expect(admission("/small") == "10")
    #expect(admission("/usual") == "-1")
    #expect(admission("/other") == "unwanted")
  }

  @Test("the table of routes is in the order of registration")
  func table() {
    #expect(
      Self.router().routes.map(\.pattern).prefix(3) == ["/products", "/products", "/products/{id}"])
    #expect(Self.router().routes.count == 10)
  }
}
