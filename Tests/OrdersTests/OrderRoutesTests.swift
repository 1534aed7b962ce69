import HTTPMessages
import ServiceKit
import SharedKernel
import Testing

@testable import Orders

@Suite struct OrderRoutesTests {
  // MARK: Buying

  @Test("a guest buys, and finds the order again with the access token alone")
  func guestBuys() async throws {
    let bench = try await RoutesBench()
    let answer = try await bench.buy()
    #expect(answer.status == .created)
    let order = try answer.order()
    #expect(order.state == "confirmed")
    #expect(order.totals.total.amount == 1000)
    #expect(answer.fields[.location] == "/orders/\(order.id)")
    #expect(answer.fields[.etag] == "\"v\(order.version)\"")
    #expect(answer.fields[.idempotencyKey] != nil)
    #expect(answer.fields[.cacheControl] == "no-store")
    let token = try #require(order.accessToken)

    let found = try await bench.send(.get, "/orders/\(order.id)", accessToken: token)
    #expect(found.status == .ok)
    #expect(found.fields[.cacheControl] == "no-store")
    #expect(try found.order().accessToken == nil)
    let other = "\(token.dropLast())\(token.hasSuffix("A") ? "B" : "A")"
    for stranger in [nil, other, "x"] {
      let refused = try await bench.send(.get, "/orders/\(order.id)", accessToken: stranger)
      #expect(refused.status.code == 404)
    }
  }

  @Test("a user's order is the user's and staff's alone; a guest token opens no user's order")
  func ownership() async throws {
    let bench = try await RoutesBench()
    let owner = UserID.new()
    let order = try await bench.buy(as: "\(owner)").order()
    #expect(order.accessToken == nil)
    let paths = ["/orders/\(order.id)", "/orders/\(order.id)/history"]
    for path in paths {
      #expect(try await bench.send(.get, path, as: "\(owner)").status == .ok)
      #expect(try await bench.send(.get, path, as: "staff").status == .ok)
      #expect(try await bench.send(.get, path, as: "\(UserID.new())").status.code == 404)
      #expect(try await bench.send(.get, path).status.code == 404)
      let token = bench.secrets.accessToken(kind: "order", id: order.id)
      #expect(try await bench.send(.get, path, accessToken: token).status.code == 404)
    }
    let cancel = "/orders/\(order.id)/cancel"
    #expect(try await bench.send(.post, cancel, as: "\(UserID.new())").status.code == 404)
    #expect(try await bench.send(.get, "/orders/10001", as: "staff").status.code == 404)
  }

  @Test("the same key answers the same order again, and says so")
  func replayed() async throws {
    let bench = try await RoutesBench()
    let key = "0123456789abcdef-guest"
    let first = try await bench.buy(key: key)
    let again = try await bench.buy(key: key)
    #expect(first.fields["Idempotent-Replayed"] == nil)
    #expect(again.fields["Idempotent-Replayed"] == "true")
    #expect(again.status == .created)
    #expect(again.body == first.body)
    let other = try await bench.buy(quantity: 2, key: key)
    #expect(other.status.code == 422)
    #expect(other.problemKind == .idempotencyKeyReused)
  }

  @Test("a declined payment is 402 and stays so")
  func declined() async throws {
    let bench = try await RoutesBench()
    let key = "0123456789abcdef-declined"
    for _ in 0..<2 {
      let answer = try await bench.buy("tok_declined", key: key)
      #expect(answer.status.code == 402)
      #expect(answer.problemKind == .paymentDeclined)
      #expect(answer.problemBody?["declineCode"]?.textValue == "stolen_card")
      #expect(answer.problemBody?["orderId"]?.textValue != nil)
    }
  }

  @Test("too little stock is 409 with what there is")
  func noStock() async throws {
    let bench = try await RoutesBench()
    let answer = try await bench.buy(product: 2, quantity: 5)
    #expect(answer.status.code == 409)
    #expect(answer.problemKind == .insufficientStock)
    let text = String(decoding: answer.body, as: UTF8.self)
    #expect(text.contains(#""pointer":"/items/0/quantity""#))
    #expect(text.contains(#""available":1"#))
  }

  @Test("a checkout that is still running is 202, and awaits its customer with what to do")
  func running() async throws {
    let bench = try await RoutesBench()
    let unfinished = try await bench.buy(prefer: "wait=0")
    #expect(unfinished.status == .accepted)
    #expect(unfinished.fields[.retryAfter] == "1")
    #expect(try unfinished.order().state == "pending")

    let waiting = try await bench.buy("tok_requires_action")
    #expect(waiting.status == .accepted)
    let order = try waiting.order()
    #expect(order.state == "awaiting_payment")
    #expect(order.nextAction?.accessToken == "secret")
  }

  @Test("an expected total that has changed is 409, and nothing is kept")
  func priceChanged() async throws {
    let bench = try await RoutesBench()
    let answer = try await bench.send(
      .post, "/orders",
      body: RoutesBench.order(#","expectedTotal":{"amount":999,"currency":"USD"}"#))
    #expect(answer.status.code == 409)
    #expect(answer.problemKind == .priceChanged)
    #expect(try await bench.bench.database.value("SELECT count(*) FROM orders", as: Int.self) == 0)
  }

  @Test("a request that is not acceptable is refused with its faults")
  func unacceptable() async throws {
    let bench = try await RoutesBench()
    for extra in [#","unknown":1"#, #","shippingMethodId":"X""#, #","addressId":"X""#] {
      let answer = try await bench.send(.post, "/orders", body: RoutesBench.order(extra))
      #expect(answer.status.code == 422)
      #expect(answer.problemKind == .validationFailed)
    }
    let card = try await bench.buy("4242424242424242")
    #expect(card.problemKind == .cardDataForbidden)
    #expect(!String(decoding: card.body, as: UTF8.self).contains("4242"))
    let coupon = try await bench.send(
      .post, "/orders", body: RoutesBench.order(#","couponCode":"X""#))
    #expect(coupon.problemKind == .couponNotApplicable)
    #expect(coupon.problemBody?["reason"]?.textValue == "unknown")
    #expect(try await bench.send(.post, "/orders", body: "{").status.code == 400)
    #expect(try await bench.buy(key: "short").status.code == 400)
  }

  @Test("without the catalogue buying is 503 and can be tried again")
  func noCatalogue() async throws {
    let bench = try await RoutesBench()
    bench.bench.peers.script(.quote, .unreachable)
    let answer = try await bench.buy()
    #expect(answer.status.code == 503)
    #expect(answer.problemKind == .dependencyUnavailable)
  }

  // MARK: Looking

  @Test("a list shows one's own orders, newest first, page by page")
  func list() async throws {
    let bench = try await RoutesBench()
    let user = "\(UserID.new())"
    var made: [String] = []
    for _ in 0..<3 { made.append(try await bench.buy(as: user).order().id) }
    _ = try await bench.buy(as: "\(UserID.new())")
    _ = try await bench.buy()

    let first = try await bench.send(.get, "/orders?limit=2", as: user)
    #expect(try first.orders().map(\.id) == [made[2], made[1]])
    let link = try #require(first.fields[.link])
    let next = try #require(link.split(separator: ">").first?.dropFirst())
    let second = try await bench.send(.get, String(next), as: user)
    #expect(try second.orders().map(\.id) == [made[0]])
    #expect(second.fields[.link] == nil)

    let oldest = try await bench.send(.get, "/orders?sort=createdAt&limit=1", as: user)
    #expect(try oldest.orders().map(\.id) == [made[0]])
    #expect(try await bench.send(.get, "/orders", as: "staff").orders().count == 5)
    #expect(try await bench.send(.get, "/orders").status.code == 401)
  }

  @Test("total=true counts what all pages have")
  func total() async throws {
    let bench = try await RoutesBench()
    let user = "\(UserID.new())"
    for _ in 0..<3 { _ = try await bench.buy(as: user) }
    _ = try await bench.buy()
    func total(_ target: String, as caller: String) async throws -> String? {
      try await bench.send(.get, target, as: caller).fields["X-Total-Count"]
    }
    #expect(try await total("/orders?limit=2&total=true", as: user) == "3")
    #expect(try await total("/orders?limit=2", as: user) == nil)
    #expect(try await total("/orders?limit=1&total=true", as: "staff") == "4")
    #expect(try await total("/admin/sagas?limit=1&total=true&state=done", as: "admin") == "4")
    #expect(try await bench.send(.get, "/orders?total=2", as: user).status.code == 422)
    let first = try await bench.send(.get, "/orders?limit=2&total=true", as: user)
    let next = try #require(first.fields[.link]?.dropFirst().prefix { $0 != ">" })
    #expect(try await total(String(next), as: user) == "3")
  }

  @Test("the way to the payment is its owner's: staff and services are not shown its token")
  func actionToken() async throws {
    let bench = try await RoutesBench()
    let bought = try await bench.buy("tok_requires_action")
    let order = try bought.order()
    let path = "/orders/\(order.id)"
    let owner = try await bench.send(.get, path, accessToken: order.accessToken).order()
    #expect(owner.nextAction?.accessToken == "secret")
    let others = [
      try await bench.send(.get, path, as: "staff"),
      try await bench.send(.get, "/orders", as: "staff"),
      try await bench.send(.get, "/internal/orders/\(order.id)", as: "notification-service"),
    ]
    for answer in others {
      #expect(answer.status == .ok)
      let text = String(decoding: answer.body, as: UTF8.self)
      #expect(text.contains(#""url":"/x""#))
      #expect(!text.contains("secret"))
    }
    let cancelled = try await bench.send(.post, "\(path)/cancel", as: "staff")
    #expect(!String(decoding: cancelled.body, as: UTF8.self).contains("secret"))
    try await bench.bench.runWorkers()
    let kept: Int? = try await bench.bench.database.value(
      "SELECT count(*) FROM sagas WHERE next_action IS NOT NULL")
    #expect(kept == 0)
  }

  @Test("an order lists its shipments and refunds, of which there are none yet")
  func shipmentsAndRefunds() async throws {
    let bench = try await RoutesBench()
    let text = String(decoding: try await bench.buy().body, as: UTF8.self)
    #expect(text.contains(#""shipments":[]"#))
    #expect(text.contains(#""refunds":[]"#))
  }

  @Test("a request whose key's first one is just making the order is told to come back")
  func keyInProgress() async throws {
    let bench = try await RoutesBench(lockTimeout: "1s")
    let key = "0123456789abcdef-inprogress"
    let database = bench.bench.database
    let answer = try await database.transaction { transaction in
      // What the first request has written, and not yet committed.
      try await transaction.execute(
        """
        INSERT INTO orders (id, principal, idem_key, fingerprint, capture_mode, currency, subtotal,
          total, payment_id, state)
        VALUES (\(OrderID.new()), 'anon', \(key), ''::bytea, 'automatic', 'USD', 0, 0,
          \(PaymentID.new()), 'pending')
        """)
      return try await bench.buy(key: key)
    }
    #expect(answer.status.code == 409)
    #expect(answer.problemKind == .idempotencyInProgress)
    #expect(answer.fields[.retryAfter] == "1")
  }

  @Test("a list is narrowed by what is known of orders")
  func filters() async throws {
    let bench = try await RoutesBench()
    let user = "\(UserID.new())"
    let order = try await bench.buy(as: user).order()
    _ = try await bench.buy("tok_declined", as: user)
    func count(_ query: String, as caller: String) async throws -> Int {
      try await bench.send(.get, "/orders?\(query)", as: caller).orders().count
    }
    #expect(try await count("state=confirmed", as: user) == 1)
    #expect(try await count("paymentStatus=captured", as: user) == 1)
    #expect(try await count("paymentStatus=none", as: user) == 1)
    #expect(try await count("number=\(order.number)", as: user) == 1)
    #expect(try await count("attention=true", as: user) == 0)
    #expect(try await count("from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z", as: user) == 0)
    #expect(try await count("email=ada@example.com", as: "staff") == 2)
    for bad in ["state=lost", "sort=x", "email=ada@example.com", "unknown=1", "cursor=AAAA"] {
      let answer = try await bench.send(.get, "/orders?\(bad)", as: user)
      #expect(answer.status.code == 422, "\(bad)")
    }
  }

  @Test("a client that has the version already is told so")
  func notModified() async throws {
    let bench = try await RoutesBench()
    let order = try await bench.buy().order()
    let answer = try await bench.send(
      .get, "/orders/\(order.id)", accessToken: order.accessToken,
      fields: [(.ifNoneMatch, "\"v\(order.version)\"")])
    #expect(answer.status.code == 304)
    #expect(answer.body.isEmpty)
  }

  @Test("an order's history tells who moved it and when")
  func history() async throws {
    let bench = try await RoutesBench()
    let order = try await bench.buy().order()
    let answer = try await bench.send(
      .get, "/orders/\(order.id)/history", accessToken: order.accessToken)
    let history = try answer.decoded(as: [HistoryEntry].self)
    #expect(history.map(\.from) == [nil, .pending])
    #expect(history.map(\.to) == [.pending, .confirmed])
    #expect(history.map(\.actor) == ["anon", "checkout"])
  }

  @Test("the notification service sees an order, nobody else does inside")
  func inside() async throws {
    let bench = try await RoutesBench()
    let order = try await bench.buy().order()
    let path = "/internal/orders/\(order.id)"
    #expect(
      try await bench.send(.get, path, as: "notification-service").order().email
        == "ada@example.com")
    #expect(try await bench.send(.get, path, as: "payment-service").status.code == 403)
    #expect(try await bench.send(.get, path, as: "staff").status.code == 403)
    #expect(try await bench.send(.get, path).status.code == 401)
  }

  // MARK: Cancelling

  @Test("a confirmed order can be cancelled, once and for all")
  func cancel() async throws {
    let bench = try await RoutesBench()
    let order = try await bench.buy().order()
    for _ in 0..<2 {
      let answer = try await bench.send(
        .post, "/orders/\(order.id)/cancel", accessToken: order.accessToken,
        body: #"{"reason":"changed my mind"}"#)
      #expect(answer.status == .ok)
      #expect(try answer.order().state == "cancelled")
      #expect(try answer.order().cancelReason == "requested")
    }
  }

  // MARK: Sagas

  @Test("an administrator sees sagas without their secrets, and can run one now")
  func sagas() async throws {
    let bench = try await RoutesBench()
    _ = try await bench.buy()
    _ = try await bench.buy("tok_requires_action")
    func sagas(_ query: String) async throws -> [SagaShape] {
      try await bench.send(.get, "/admin/sagas?\(query)", as: "admin").decoded()
    }
    #expect(try await sagas("").count == 2)
    let running = try #require(try await sagas("state=running&kind=checkout").first)
    #expect(running.step == "S2")
    let one = try await bench.send(.get, "/admin/sagas/\(running.id)", as: "admin")
    #expect(try one.decoded(as: SagaShape.self).log?.isEmpty == false)
    #expect(!String(decoding: one.body, as: UTF8.self).contains("tok_"))
    #expect(!String(decoding: one.body, as: UTF8.self).contains("secret"))

    let retry = "/admin/sagas/\(running.id)/retry"
    #expect(try await bench.send(.post, retry, as: "admin").status == .accepted)
    #expect(try await bench.send(.post, retry, as: "staff").status.code == 403)
    let done = try #require(try await sagas("state=done").first)
    let finished = try await bench.send(.post, "/admin/sagas/\(done.id)/retry", as: "admin")
    #expect(finished.status.code == 409)
  }
}

// MARK: Shapes

private struct OrderShape: Decodable {
  struct Totals: Decodable {
    let total: Amount
  }
  struct Amount: Decodable {
    let amount: Int64
  }
  struct Action: Decodable {
    let accessToken: String?
  }
  let id: String
  let number: String
  let state: String
  let version: Int
  let email: String?
  let accessToken: String?
  let cancelReason: String?
  let totals: Totals
  let nextAction: Action?
}

private struct SagaShape: Decodable {
  struct Entry: Decodable {}
  let id: String
  let step: String
  let log: [Entry]?
}

extension HTTPResponse {
  fileprivate func order() throws -> OrderShape { try decoded() }
  fileprivate func orders() throws -> [OrderShape] { try decoded() }
}
