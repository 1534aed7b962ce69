import HTTPMessages
import JSONSyntax
import Postgres
import ServiceKit
import SharedKernel
import Testing

@testable import Products

@Suite("The catalogue's routes", .timeLimit(.minutes(5)))
struct ProductRoutesTests {
  /// For requests that are refused and leave nothing behind.
  private static let refusing = Task { try await ProductsBench() }
  private static let refusingChanges = Task {
    let bench = try await ProductsBench()
    return (bench, made: try await bench.make("Chair"))
  }

  private func list(_ bench: ProductsBench, _ query: String, as token: String? = nil)
    async throws -> [String]
  {
    let response = try await bench.send(.get, "/products?\(query)", as: token)
    let products: [ProductBody] = try response.decoded()
    return products.map(\.name)
  }

  private func count(_ bench: ProductsBench) async throws -> Int? {
    try await bench.database.value("SELECT count(*) FROM products")
  }

  // MARK: Making

  @Test("a product is made with its variant, price and stock, and told of by one event")
  func create() async throws {
    let bench = try await ProductsBench()
    let response = try await bench.send(
      .post, "/products", as: "staff",
      body: """
        {"name":"Red Chair","price":499.99,"attributes":{"color":"red"},"initialStock":3,
         "images":["https://example.org/1.jpg"]}
        """)
    #expect(response.status.code == 201)
    let product: ProductBody = try response.decoded()
    #expect(response.fields[.location] == "/products/\(product.id)")
    #expect(response.fields[.etag] == "\"v1\"")
    #expect(product.price?.text == "499.99")
    #expect(product.money?.minorUnits == 49_999)
    #expect(product.slug == "red-chair")
    #expect(product.sku == "RED-CHAIR")
    #expect(product.inStock)
    #expect(product.variantCount == 1)
    #expect(try await bench.events() == ["product.created"])
    #expect(try await bench.violations().isEmpty)
    let shown = try await bench.send(.get, "/products/\(product.id)")
    let variants = try JSONParser.parse(shown.body)["variants"]
    guard case .array(let list) = variants else {
      Issue.record("no variants")
      return
    }
    #expect(list.count == 1)
    #expect(list.first?["available"] == .number("3"))
  }

  @Test("the same key makes one product, another body with it none")
  func idempotent() async throws {
    let bench = try await ProductsBench()
    let key: [HTTPFieldName: String] = [.idempotencyKey: "0123456789abcdef"]
    let body = #"{"name":"Chair","money":{"amount":100,"currency":"EUR"}}"#
    let first = try await bench.send(.post, "/products", as: "staff", body: body, fields: key)
    let again = try await bench.send(.post, "/products", as: "staff", body: body, fields: key)
    #expect(first.status.code == 201)
    #expect(again.status.code == 201)
    #expect(again.body == first.body)
    #expect(again.fields["Idempotent-Replayed"] == "true")
    #expect(again.fields[.location] == first.fields[.location])
    #expect(try await count(bench) == 1)
    let other = try await bench.send(
      .post, "/products", as: "staff", body: #"{"name":"Table","price":1}"#, fields: key)
    #expect(other.problemKind == .idempotencyKeyReused)
    #expect(try await count(bench) == 1)
  }

  @Test("a slug or SKU that is taken is refused by its name, and leaves nothing behind")
  func duplicate() async throws {
    let bench = try await ProductsBench()
    try await bench.make("Chair")
    for (members, field) in [
      (#","sku":"other""#, "slug"), (#","slug":"other","sku":"CHAIR""#, "sku"),
    ] {
      let response = try await bench.send(
        .post, "/products", as: "staff", body: #"{"name":"Chair","price":1\#(members)}"#)
      #expect(response.problemKind == .duplicateResource)
      #expect(response.problemBody?["field"]?.textValue == field)
    }
    #expect(try await count(bench) == 1)
    #expect(try await bench.events() == ["product.created"])
  }

  @Test(
    "a product that cannot be meant is refused with a pointer, and none is made",
    arguments: [
      (#"{"price":1}"#, "/name"), (#"{"name":"x"}"#, "/price"),
      (#"{"name":"x","price":0}"#, "/price"), (#"{"name":"x","price":1.005}"#, "/price"),
      (#"{"name":"x","price":1e2}"#, "/price"), (#"{"name":"x","price":"1"}"#, "/price"),
      (#"{"name":"x","price":10000000001}"#, "/price"),
      (#"{"name":"x","price":1,"money":{"amount":1,"currency":"USD"}}"#, "/price"),
      (#"{"name":"x","money":{"amount":1,"currency":"XXX"}}"#, "/money/currency"),
      (#"{"name":"x","price":1,"colour":"red"}"#, "/colour"),
      (#"{"name":"x","price":1,"status":"sold"}"#, "/status"),
      (#"{"name":"x","price":1,"categories":["nowhere"]}"#, "/categories"),
      (#"{"name":"x","price":1,"categories":["a\u0000"]}"#, "/categories"),
      (#"{"name":"x","price":1,"attributes":{"a":"\u0000"}}"#, "/attributes"),
      (#"{"name":"x","price":1,"attributes":{"a":1}}"#, "/attributes/a"),
    ])
  func invalid(body: String, pointer: String) async throws {
    let bench = try await Self.refusing.value
    let response = try await bench.send(.post, "/products", as: "staff", body: body)
    #expect(response.problemKind == .validationFailed)
    #expect(String(decoding: response.body, as: UTF8.self).contains("\"\(pointer)\""))
    #expect(try await count(bench) == 0)
  }

  @Test("only staff make, change and archive", arguments: [nil, "customer", "order-service"])
  func access(token: String?) async throws {
    let (bench, product) = try await Self.refusingChanges.value
    let match: [HTTPFieldName: String] = [.ifMatch: "\"v1\""]
    for response in [
      try await bench.send(.post, "/products", as: token, body: #"{"name":"x","price":1}"#),
      try await bench.send(
        .patch, "/products/\(product.id)", as: token, body: "{}", fields: match),
      try await bench.send(.delete, "/products/\(product.id)", as: token, fields: match),
    ] {
      #expect(response.problemKind == (token == nil ? .unauthenticated : .forbidden))
    }
    #expect(try await bench.events() == ["product.created"])
  }

  // MARK: Changing

  @Test("a change is made to the version that it names, and to no other")
  func change() async throws {
    let bench = try await ProductsBench()
    let path = "/products/\(try await bench.make("Chair").id)"
    let body = #"{"name":"Stool","price":12.5,"description":null}"#
    let none = try await bench.send(.patch, path, as: "staff", body: body)
    #expect(none.problemKind == .preconditionRequired)
    let changed = try await bench.send(
      .patch, path, as: "staff", body: body, fields: [.ifMatch: "\"v1\""])
    #expect(changed.status == .ok)
    #expect(changed.fields[.etag] == "\"v2\"")
    let product: ProductBody = try changed.decoded()
    #expect(product.name == "Stool")
    #expect(product.price?.text == "12.5")
    #expect(product.slug == "chair")
    let stale = try await bench.send(
      .patch, path, as: "staff", body: body, fields: [.ifMatch: "\"v1\""])
    #expect(stale.problemKind == .preconditionFailed)
    #expect(stale.problemBody?["currentVersion"] == .number("2"))
    #expect(try await bench.events() == ["product.created", "product.updated"])
  }

  @Test("of changes to the same version at once one is made")
  func race() async throws {
    let bench = try await ProductsBench()
    let path = "/products/\(try await bench.make("Chair").id)"
    let codes = try await withThrowingTaskGroup(of: Int.self) { group in
      for index in 0..<6 {
        group.addTask {
          try await bench.send(
            .patch, path, as: "staff", body: #"{"name":"Chair \#(index)"}"#,
            fields: [.ifMatch: "\"v1\""]
          ).status.code
        }
      }
      return try await group.reduce(into: [Int]()) { $0.append($1) }
    }
    #expect(codes.sorted() == [200, 412, 412, 412, 412, 412])
  }

  @Test("attributes are merged: a new one is added, null removes one, the others stay")
  func mergePatch() async throws {
    let bench = try await ProductsBench()
    let made = try await bench.make("Chair", #","attributes":{"color":"red","legs":"4"}"#)
    let changed = try await bench.send(
      .patch, "/products/\(made.id)", as: "staff",
      body: #"{"attributes":{"color":null,"size":"M"}}"#, fields: [.ifMatch: "\"v1\""])
    let product: ProductBody = try changed.decoded()
    #expect(product.attributes == ["legs": "4", "size": "M"])
    let removed = try await bench.send(
      .patch, "/products/\(made.id)", as: "staff", body: #"{"attributes":null}"#,
      fields: [.ifMatch: "\"v2\""])
    #expect(try removed.decoded(as: ProductBody.self).attributes == [:])
  }

  @Test(
    "a change that cannot be meant is refused",
    arguments: [
      ("[]", ""), (#"{"name":null}"#, "/name"), (#"{"price":null}"#, "/price"),
      (#"{"sku":"x"}"#, "/sku"), (#"{"name":""}"#, "/name"), (#"{"version":7}"#, "/version"),
    ])
  func badChange(body: String, pointer: String) async throws {
    let (bench, made) = try await Self.refusingChanges.value
    let response = try await bench.send(
      .patch, "/products/\(made.id)", as: "staff", body: body, fields: [.ifMatch: "*"])
    #expect(response.problemKind == .validationFailed)
    #expect(String(decoding: response.body, as: UTF8.self).contains("\"\(pointer)\""))
  }

  @Test("what is archived is gone for the public, and stays for staff")
  func archive() async throws {
    let bench = try await ProductsBench()
    let path = "/products/\(try await bench.make("Chair").id)"
    #expect(
      try await bench.send(.delete, path, as: "staff").problemKind == .preconditionRequired)
    let archived = try await bench.send(
      .delete, path, as: "staff", fields: [.ifMatch: "\"v1\""])
    #expect(archived.status.code == 204)
    #expect(try await bench.send(.get, path).problemKind == .notFound)
    #expect(try await bench.send(.get, path, as: "customer").problemKind == .notFound)
    let shown: ProductBody = try await bench.send(.get, path, as: "staff").decoded()
    #expect(shown.status == .archived)
    #expect(try await list(bench, "").isEmpty)
    #expect(try await list(bench, "status=archived", as: "staff") == ["Chair"])
    let again = try await bench.send(.delete, path, as: "staff", fields: [.ifMatch: "\"v2\""])
    #expect(again.status.code == 204)
    #expect(try await bench.events() == ["product.created", "product.archived"])
  }

  // MARK: Reading

  @Test("a client that has the version is not sent it again")
  func conditional() async throws {
    let bench = try await ProductsBench()
    let path = "/products/\(try await bench.make("Chair").id)"
    let first = try await bench.send(.get, path)
    let tag = try #require(first.fields[.etag])
    #expect(first.fields[.cacheControl] == "public, max-age=5")
    let again = try await bench.send(.get, path, fields: [.ifNoneMatch: tag])
    #expect(again.status.code == 304)
    #expect(again.body.isEmpty)
    #expect(again.fields[.etag] == tag)
    let signedIn = try await bench.send(.get, path, as: "customer")
    #expect(signedIn.fields[.cacheControl] == "no-store")
  }

  @Test("what is sold makes the answer another one, and leaves the version that a change names")
  func conditionalAfterSale() async throws {
    let bench = try await ProductsBench()
    let made = try await bench.make("Chair", #","initialStock":1"#)
    let path = "/products/\(made.id)"
    let tag = try #require(try await bench.send(.get, path).fields[.etag])
    let variant: Int? = try await bench.database.value("SELECT default_variant_id FROM products")
    let line = ReservationLine(variantId: try #require(variant), quantity: 1)
    _ = try await bench.hold(.new(), [line])
    let sold = try await bench.send(.get, path, fields: [.ifNoneMatch: tag])
    #expect(sold.status == .ok)
    #expect(try sold.decoded(as: ProductBody.self).inStock == false)
    let newTag = try #require(sold.fields[.etag])
    #expect(newTag != tag)
    for known in [newTag, "\(newTag.dropLast())-gzip\"", "\"x\", W/\(newTag)", "*"] {
      let response = try await bench.send(.get, path, fields: [.ifNoneMatch: known])
      #expect(response.status.code == 304, "\(known)")
    }
    for other in ["\"v1\"", "\"v1-gzip\"", "\"v2-s1\""] {
      let response = try await bench.send(.get, path, fields: [.ifNoneMatch: other])
      #expect(response.status == .ok, "\(other)")
    }
    let changed = try await bench.send(
      .patch, path, as: "staff", body: #"{"name":"Stool"}"#, fields: [.ifMatch: tag])
    #expect(changed.status == .ok)
    let stale = try await bench.send(
      .patch, path, as: "staff", body: #"{"name":"Chair"}"#, fields: [.ifMatch: newTag])
    #expect(stale.problemKind == .preconditionFailed)
  }

  @Test("total=true counts what all pages have, as filtered")
  func total() async throws {
    let bench = try await ProductsBench()
    for name in ["Red Chair", "Red Table", "Blue Lamp"] { try await bench.make(name) }
    func total(_ query: String) async throws -> String? {
      try await bench.send(.get, "/products?\(query)").fields["X-Total-Count"]
    }
    #expect(try await total("") == nil)
    #expect(try await total("total=false") == nil)
    #expect(try await total("total=true&limit=1") == "3")
    #expect(try await total("total=true&q=red&limit=1") == "2")
    let first = try await bench.send(.get, "/products?total=true&limit=2")
    let next = try #require(first.fields[.link]?.dropFirst().prefix { $0 != ">" })
    #expect(try await bench.send(.get, String(next)).fields["X-Total-Count"] == "3")
    #expect(try await bench.send(.get, "/products?total=1").problemKind == .validationFailed)
  }

  @Test("a status that is not known here is an error, not another status")
  func unknownStatus() async throws {
    let bench = try await ProductsBench()
    let made = try await bench.make("Chair")
    await #expect {
      try await bench.database.first(
        """
        SELECT 1, 'n', NULL::bigint, 's', 'k', 'd', 'lost', ARRAY[]::text[],
          '{}'::jsonb, '[]'::jsonb, false, 1, 1, now(), now()
        """
      ) { row in try Product(row: &row, currency: .usd) }
    } throws: { error in
      error as? PostgresError == .invalid("a product is in the unknown status lost")
    }
    #expect(made.status == .active)
  }

  @Test("a price is shown in the currency asked for, or none")
  func currency() async throws {
    let bench = try await ProductsBench()
    let made = try await bench.make("Chair")
    let euros: ProductBody = try await bench.send(
      .get, "/products/\(made.id)?currency=EUR"
    ).decoded()
    #expect(euros.price == nil)
    #expect(euros.money == nil)
    let response = try await bench.send(.get, "/products/\(made.id)?currency=XXX")
    #expect(response.problemKind == .validationFailed)
  }

  @Test(
    "what is no product's id is not found", arguments: ["0", "-1", "x", "99999999999999999999"])
  func unknown(id: String) async throws {
    let bench = try await Self.refusing.value
    #expect(try await bench.send(.get, "/products/\(id)").problemKind == .notFound)
  }

  @Test("a list holds what all of its filters let through")
  func filters() async throws {
    let bench = try await ProductsBench()
    let chair = try await bench.make("Red Chair", #","description":"wooden legs""#)
    try await bench.make("Red Table")
    let lamp = try await bench.make("Blue Lamp")
    try await bench.make("Secret Chair", #","status":"draft""#)
    #expect(try await list(bench, "") == ["Red Chair", "Red Table", "Blue Lamp"])
    #expect(try await list(bench, "q=red") == ["Red Chair", "Red Table"])
    #expect(try await list(bench, "q=RE+cha") == ["Red Chair"])
    #expect(try await list(bench, "q=wood") == ["Red Chair"])
    #expect(try await list(bench, "q=hair").isEmpty)
    #expect(try await list(bench, "q=!!") == ["Red Chair", "Red Table", "Blue Lamp"])
    #expect(try await list(bench, "q='%3A*+%26+%7C").count == 3)
    #expect(try await list(bench, "ids=\(lamp.id),\(chair.id),999") == ["Red Chair", "Blue Lamp"])
    #expect(try await list(bench, "slug=red-table") == ["Red Table"])
    #expect(try await list(bench, "q=red&ids=\(lamp.id)").isEmpty)
    #expect(try await list(bench, "category=nowhere").isEmpty)
    #expect(try await list(bench, "status=draft", as: "staff") == ["Secret Chair"])
    #expect(
      try await bench.send(.get, "/products?status=draft").problemKind == .forbidden)
  }

  @Test("a category holds what its descendants hold")
  func categories() async throws {
    let bench = try await ProductsBench()
    try await bench.database.execute(
      """
      INSERT INTO categories (id, parent_id, slug, path, name) VALUES
        (1, NULL, 'home', 'home', 'Home'), (2, 1, 'kitchen', 'home/kitchen', 'Kitchen'),
        (3, NULL, 'home-office', 'home-office', 'Home office')
      """)
    try await bench.make("Chair", #","categories":["home"]"#)
    try await bench.make("Knife", #","categories":["kitchen"]"#)
    try await bench.make("Desk", #","categories":["home-office"]"#)
    #expect(try await list(bench, "category=home") == ["Chair", "Knife"])
    #expect(try await list(bench, "category=kitchen") == ["Knife"])
    let tree = try await bench.send(.get, "/categories")
    #expect(
      String(decoding: tree.body, as: UTF8.self)
        == #"[{"slug":"home","name":"Home","children":[{"slug":"kitchen","name":"Kitchen","#
        + #""children":[]}]},{"slug":"home-office","name":"Home office","children":[]}]"#)
  }

  @Test("a list is read page by page, each product once, also while others are made")
  func pages() async throws {
    let bench = try await ProductsBench()
    for index in 1...5 { try await bench.make("Red \(index)") }
    var target: String? = "/products?limit=2&q=red"
    var pages: [[String]] = []
    while let next = target, pages.count < 9 {
      let response = try await bench.send(.get, next)
      pages.append(try response.decoded(as: [ProductBody].self).map(\.name))
      if pages.count == 1 { try await bench.make("Red 6") }
      let link = response.fields[.link]
      #expect(link?.hasSuffix(">; rel=\"next\"") ?? true)
      target = link.map { String($0.dropFirst().prefix { $0 != ">" }) }
    }
    #expect(pages == [["Red 1", "Red 2"], ["Red 3", "Red 4"], ["Red 5", "Red 6"]])
  }

  @Test(
    "a question that makes no sense is refused",
    arguments: [
      "limit=0", "limit=101", "limit=x", "cursor=!", "cursor=", "cursor=YQ", "cursor=MR8y",
      "ids=x", "ids=1,", "colour=red", "q=a&q=b", "status=x", "currency=usd",
      "q=\(String(repeating: "x", count: 101))",
      "ids=\((1...101).map(String.init).joined(separator: ","))",
    ])
  func badQuery(query: String) async throws {
    let bench = try await Self.refusing.value
    let response = try await bench.send(.get, "/products?\(query)", as: "staff")
    #expect(response.problemKind == .validationFailed)
  }

  @Test("text that no database keeps finds nothing", arguments: ["slug=%00", "category=a%00"])
  func nul(query: String) async throws {
    let bench = try await Self.refusing.value
    #expect(try await bench.send(.get, "/products?\(query)").status.code < 500)
  }
}
