import HTTPMessages
import ServiceKit
import SharedKernel
import Testing

@testable import Orders

/// Variant n costs n * 1000 minor units; there is one unit of the second.
@Suite struct CartRoutesTests {
  private func bench() async throws -> RoutesBench { try await RoutesBench() }

  // MARK: Filling

  @Test("a guest fills a cart, and finds it again with the access token alone")
  func guest() async throws {
    let bench = try await bench()
    let made = try await bench.send(.post, "/carts")
    #expect(made.status == .created)
    let cart = try made.cart()
    #expect(made.fields[.location] == "/carts/\(cart.id)")
    #expect(made.fields[.etag] == "\"v1\"")
    let token = try #require(cart.accessToken)

    let added = try await bench.send(
      .post, "/carts/\(cart.id)/lines", accessToken: token,
      body: #"{"productId":1,"quantity":2}"#)
    #expect(added.status == .ok)
    let set = try await bench.send(
      .put, "/carts/\(cart.id)/lines/3", accessToken: token, body: #"{"quantity":1}"#)
    let filled = try set.cart()
    #expect(filled.lines.map(\.variantId) == [1, 3])
    #expect(filled.lines.map(\.quantity) == [2, 1])
    #expect(filled.lines.map(\.lineTotal?.amount) == [2000, 3000])
    #expect(filled.lines.map(\.available) == [9, 9])
    #expect(filled.totals.total.amount == 5000)
    #expect(filled.accessToken == nil)
    #expect(filled.version == 3)
    let removed = try await bench.send(
      .put, "/carts/\(cart.id)/lines/1", accessToken: token, body: #"{"quantity":0}"#)
    #expect(try removed.cart().lines.map(\.variantId) == [3])

    for stranger in [nil, "x", bench.secrets.accessToken(kind: "order", id: cart.id)] {
      for (method, path, body) in Self.everyRoute(of: cart.id) {
        let answer = try await bench.send(method, path, accessToken: stranger, body: body)
        #expect(answer.status.code == 404, "\(method) \(path)")
      }
    }
  }

  @Test("a user's cart is the user's alone; a guest's token opens no user's cart")
  func ownership() async throws {
    let bench = try await bench()
    let user = "\(UserID.new())"
    let cart = try await bench.send(.post, "/carts", as: user).cart()
    #expect(cart.accessToken == nil)
    #expect(cart.userId == user)
    let token = bench.secrets.accessToken(kind: "cart", id: cart.id)
    for (method, path, body) in Self.everyRoute(of: cart.id) {
      for caller in [nil, "\(UserID.new())", "staff"] {
        let answer = try await bench.send(
          method, path, as: caller, accessToken: token, body: body)
        #expect(answer.status.code == 404, "\(method) \(path)")
      }
    }
    #expect(try await bench.send(.get, "/carts/\(cart.id)", as: user).status == .ok)
  }

  private static func everyRoute(of id: String) -> [(HTTPMethod, String, String?)] {
    let shipping = """
      {"address":{"name":"A","line1":"1","city":"B","postalCode":"3","country":"CH"},\
      "methodId":"\(ID<ShippingMethod>.new())"}
      """
    return [
      (.get, "/carts/\(id)", nil), (.delete, "/carts/\(id)", nil),
      (.put, "/carts/\(id)/lines/1", #"{"quantity":1}"#),
      (.post, "/carts/\(id)/lines", #"{"variantId":1,"quantity":1}"#),
      (.put, "/carts/\(id)/coupon", #"{"code":"X"}"#), (.delete, "/carts/\(id)/coupon", nil),
      (.put, "/carts/\(id)/shipping", shipping),
      (.post, "/carts/\(id)/checkout", #"{"email":"ada@example.com","paymentToken":"tok_ok"}"#),
    ]
  }

  @Test("a user has one open cart: making one again gives it, in another currency refuses it")
  func oneOpen() async throws {
    let bench = try await bench()
    let user = "\(UserID.new())"
    let first = try await bench.send(.post, "/carts", as: user)
    let again = try await bench.send(.post, "/carts", as: user, body: #"{"currency":"USD"}"#)
    #expect(first.status == .created)
    #expect(again.status == .ok)
    #expect(try again.cart().id == first.cart().id)
    let other = try await bench.send(.post, "/carts", as: user, body: #"{"currency":"EUR"}"#)
    #expect(other.status.code == 409)
    #expect(other.problemKind == .duplicateResource)
    #expect(other.problemBody?["cartId"]?.textValue == (try first.cart().id))
    let unknown = try await bench.send(.post, "/carts", as: user, body: #"{"currency":"XXX"}"#)
    #expect(unknown.status.code == 422)
  }

  @Test("a repeated key makes one cart and adds once, and its replay has the token again")
  func keys() async throws {
    let bench = try await bench()
    let key: [(HTTPFieldName, String)] = [(.idempotencyKey, "0123456789abcdef-cart")]
    let first = try await bench.send(.post, "/carts", fields: key)
    let again = try await bench.send(.post, "/carts", fields: key)
    #expect(again.fields["Idempotent-Replayed"] == "true")
    #expect(try again.cart().id == first.cart().id)
    #expect(try again.cart().accessToken == first.cart().accessToken)
    let kept: Int? = try await bench.bench.database.value(
      "SELECT count(*) FROM idempotency_keys WHERE position('accessToken'::bytea IN body) > 0")
    #expect(kept == 0)
    let cart = try first.cart()
    for _ in 0..<2 {
      let added = try await bench.send(
        .post, "/carts/\(cart.id)/lines", accessToken: cart.accessToken, fields: key,
        body: #"{"variantId":1,"quantity":2}"#)
      #expect(try added.cart().lines.map(\.quantity) == [2])
    }
    let other = try await bench.send(
      .post, "/carts/\(cart.id)/lines", accessToken: cart.accessToken, fields: key,
      body: #"{"variantId":1,"quantity":3}"#)
    #expect(other.problemKind == .idempotencyKeyReused)
  }

  @Test("what is not for sale is 404, what no cart may have 422, an old version 412")
  func refused() async throws {
    let bench = try await bench()
    let cart = try await bench.guestCart(of: [:])
    func put(_ variant: Int, _ body: String) async throws -> Int {
      try await bench.send(
        .put, "/carts/\(cart.id)/lines/\(variant)", accessToken: cart.accessToken, body: body
      ).status.code
    }
    #expect(try await put(77, #"{"quantity":1}"#) == 404)
    #expect(try await put(77, #"{"quantity":0}"#) == 200)
    #expect(try await put(1, #"{"quantity":1000}"#) == 422)
    #expect(try await put(1, #"{"quantity":-1}"#) == 422)
    for body in [#"{"quantity":1}"#, #"{"quantity":1,"variantId":1,"productId":1}"#] {
      let answer = try await bench.send(
        .post, "/carts/\(cart.id)/lines", accessToken: cart.accessToken, body: body)
      #expect(answer.status.code == 422)
    }
    let stale = try await bench.send(
      .put, "/carts/\(cart.id)/lines/1", accessToken: cart.accessToken,
      fields: [(.ifMatch, "\"v9\"")], body: #"{"quantity":1}"#)
    #expect(stale.status.code == 412)
    let fresh = try await bench.send(
      .put, "/carts/\(cart.id)/lines/1", accessToken: cart.accessToken,
      fields: [(.ifMatch, "\"v1\"")], body: #"{"quantity":1}"#)
    #expect(fresh.status == .ok)
  }

  @Test("a cart that is given up is closed for good, and again is no fault")
  func abandoned() async throws {
    let bench = try await bench()
    let cart = try await bench.guestCart()
    for _ in 0..<2 {
      let gone = try await bench.send(
        .delete, "/carts/\(cart.id)", accessToken: cart.accessToken)
      #expect(gone.status.code == 204)
    }
    let answer = try await bench.send(
      .put, "/carts/\(cart.id)/lines/1", accessToken: cart.accessToken, body: #"{"quantity":1}"#)
    #expect(answer.problemKind == .cartNotOpen)
  }

  @Test("a user takes over a guest's cart, once and for all")
  func claim() async throws {
    let bench = try await bench()
    let user = "\(UserID.new())"
    let own = try await bench.send(.post, "/carts", as: user).cart()
    _ = try await bench.send(.put, "/carts/\(own.id)/lines/1", as: user, body: #"{"quantity":2}"#)
    let guest = try await bench.guestCart(of: [1: 1, 3: 4])
    let body = #"{"accessToken":"\#(try #require(guest.accessToken))"}"#
    for _ in 0..<2 {
      let claimed = try await bench.send(
        .post, "/carts/\(guest.id)/claim", as: user, body: body)
      #expect(claimed.status == .ok)
      let merged = try claimed.cart()
      #expect(merged.id == own.id)
      #expect(merged.lines.map(\.quantity) == [3, 4])
    }
    #expect(try await bench.guest(.get, guest).cart().status == "abandoned")
    let other = "\(UserID.new())"
    let late = try await bench.send(.post, "/carts/\(guest.id)/claim", as: other, body: body)
    #expect(late.problemKind == .cartNotOpen)
    let wrong = try await bench.send(
      .post, "/carts/\(guest.id)/claim", as: other, body: #"{"accessToken":"x"}"#)
    #expect(wrong.status.code == 404)
    #expect(
      try await bench.send(.post, "/carts/\(guest.id)/claim", body: body).status.code == 401)
    // Who has none gets one.
    let second = try await bench.guestCart()
    let fresh = try await bench.send(
      .post, "/carts/\(second.id)/claim", as: other,
      body: #"{"accessToken":"\#(try #require(second.accessToken))"}"#)
    #expect(try fresh.cart().userId == other)
    #expect(try fresh.cart().lines.map(\.quantity) == [1])
  }

  // MARK: Coupon and shipping

  @Test("a coupon lowers the total while it is applicable, and says why when it is not")
  func coupon() async throws {
    let bench = try await bench()
    try await bench.makeCoupon(
      #""code":"half","kind":"percent","value":50,"minSubtotal":{"amount":2000,"currency":"USD"}"#)
    let cart = try await bench.guestCart(of: [1: 2])
    let path = "/carts/\(cart.id)/coupon"
    func apply(_ code: String) async throws -> HTTPResponse {
      try await bench.send(
        .put, path, accessToken: cart.accessToken, body: #"{"code":"\#(code)"}"#)
    }
    let unknown = try await apply("NONE")
    #expect(unknown.problemKind == .couponNotApplicable)
    #expect(unknown.problemBody?["reason"]?.textValue == "unknown")
    let applied = try await apply("Half").cart()
    #expect(applied.coupon?.code == "HALF")
    #expect(applied.coupon?.applicable == true)
    #expect(applied.totals.discount.amount == 1000)
    #expect(applied.totals.total.amount == 1000)

    let fewer = try await bench.send(
      .put, "/carts/\(cart.id)/lines/1", accessToken: cart.accessToken, body: #"{"quantity":1}"#
    ).cart()
    #expect(fewer.coupon?.applicable == false)
    #expect(fewer.coupon?.reason == "subtotal_too_small")
    #expect(fewer.totals.total.amount == 1000)
    #expect(try await apply("HALF").status.code == 409)
    let removed = try await bench.send(.delete, path, accessToken: cart.accessToken).cart()
    #expect(removed.coupon == nil)
  }

  @Test("shipping and tax follow the address")
  func shipping() async throws {
    let bench = try await bench()
    let swiss = try await bench.makeMethod(
      #""name":"Post","countries":["CH"],"price":{"amount":700,"currency":"USD"}"#)
    try await bench.makeRate(#""country":"CH","basisPoints":1000,"includedInPrice":false"#)
    let cart = try await bench.guestCart(of: [1: 1])
    func ship(_ country: String, by method: String) async throws -> HTTPResponse {
      try await bench.ship(cart, to: country, by: method)
    }
    let shipped = try await ship("CH", by: swiss).cart()
    #expect(shipped.totals.shipping.amount == 700)
    #expect(shipped.totals.tax.amount == 100)
    #expect(shipped.totals.total.amount == 1800)
    #expect(try await ship("US", by: swiss).status.code == 422)
    #expect(try await ship("CH", by: "\(ID<ShippingMethod>.new())").status.code == 422)
    #expect(try await ship("CH", by: "x").status.code == 422)

    let user = UserID.new()
    let own = try await bench.send(.post, "/carts", as: "\(user)").cart()
    let saved = bench.bench.addresses.keep(OrdersBench.address, for: user)
    func put(_ body: String, as caller: String?) async throws -> HTTPResponse {
      try await bench.send(
        .put, "/carts/\(own.id)/shipping", as: caller, body: body)
    }
    let known = try await put(
      #"{"addressId":"\#(saved)","methodId":"\#(swiss)"}"#, as: "\(user)")
    #expect(known.status == .ok)
    #expect(String(decoding: known.body, as: UTF8.self).contains("1 Main St"))
    for body in [
      #"{"addressId":"\#(ID<SavedAddress>.new())","methodId":"\#(swiss)"}"#,
      #"{"methodId":"\#(swiss)"}"#,
    ] {
      #expect(try await put(body, as: "\(user)").status.code == 422)
    }
    let guest = try await bench.send(
      .put, "/carts/\(cart.id)/shipping", accessToken: cart.accessToken,
      body: #"{"addressId":"\#(saved)","methodId":"\#(swiss)"}"#)
    #expect(guest.status.code == 422)
  }

  @Test("without the catalogue a cart is 503, and comes back with it")
  func noCatalogue() async throws {
    let bench = try await bench()
    let cart = try await bench.guestCart(of: [1: 1])
    bench.bench.clock.advance(CachedCatalogueClient.age)
    bench.bench.peers.script(.quote, .unreachable)
    #expect(try await bench.guest(.get, cart).status.code == 503)
    #expect(try await bench.guest(.get, cart).status == .ok)
  }

  // MARK: Buying

  @Test("what is in a cart is bought with its coupon, shipping and tax, and the cart is converted")
  func checkout() async throws {
    let bench = try await bench()
    let cart = try await bench.readyCart(coupon: "TENTH")
    let key = "0123456789abcdef-checkout"
    // 2 x 1000, a tenth off, a tenth of tax on the rest, and 700 for delivery.
    let extra = #","expectedTotal":{"amount":2680,"currency":"USD"},"note":"ring twice""#
    let bought = try await bench.checkOut(cart, key: key, extra: extra)
    #expect(bought.status == .created)
    let order = try bought.order()
    #expect(order.totals.total.amount == 2680)
    #expect(order.totals.discount.amount == 200)
    #expect(order.totals.tax.amount == 180)
    #expect(order.totals.shipping.amount == 700)
    #expect(order.coupon?.code == "TENTH")
    #expect(order.shippingMethod?.name == "Post")
    #expect(order.note == "ring twice")
    #expect(order.email == "ada@example.com")
    #expect(bench.bench.peers.payments.map(\.captured) == [2680])
    let seen = try await bench.send(
      .get, "/orders/\(order.id)", accessToken: order.accessToken)
    #expect(seen.status == .ok)

    let converted = try await bench.guest(.get, cart).cart()
    #expect(converted.status == "converted")
    #expect(converted.orderId == order.id)
    #expect(try await bench.used("TENTH") == 1)

    let again = try await bench.checkOut(cart, key: key, extra: extra)
    #expect(again.fields["Idempotent-Replayed"] == "true")
    #expect(try again.order().id == order.id)
    let second = try await bench.checkOut(cart)
    #expect(second.problemKind == .cartNotOpen)
    #expect(second.problemBody?["orderId"]?.textValue == order.id)
    try await bench.isConsistent()
  }

  @Test("another total than the expected one is 409, and the cart stays open")
  func priceChanged() async throws {
    let bench = try await bench()
    let cart = try await bench.readyCart()
    let answer = try await bench.checkOut(
      cart, extra: #","expectedTotal":{"amount":1,"currency":"USD"}"#)
    #expect(answer.problemKind == .priceChanged)
    let other = try await bench.checkOut(
      cart, extra: #","expectedTotal":{"amount":1,"currency":"EUR"}"#)
    #expect(other.problemKind == .validationFailed)
    #expect(try await bench.guest(.get, cart).cart().status == "open")
  }

  @Test("an empty cart, one that goes nowhere, and one without a payment cannot be bought")
  func incomplete() async throws {
    let bench = try await bench()
    let empty = try await bench.checkOut(try await bench.guestCart(of: [:]))
    #expect(empty.status.code == 422)
    let text = String(decoding: empty.body, as: UTF8.self)
    #expect(text.contains(#""pointer":"/lines""#))
    #expect(text.contains(#""pointer":"/shipping""#))
    let cart = try await bench.readyCart()
    let unpaid = try await bench.checkOut(cart, token: nil)
    #expect(String(decoding: unpaid.body, as: UTF8.self).contains(#""pointer":"/paymentToken""#))
    #expect(try await bench.orderCount() == 0)
  }

  @Test("a checkout that waits too long for who is changing its cart is told that, not of its key")
  func beingChanged() async throws {
    let bench = try await RoutesBench(lockTimeout: "1s")
    let cart = try await bench.readyCart()
    let id = try #require(CartID(cart.id))
    let answer = try await bench.bench.database.transaction { transaction in
      try await transaction.execute("SELECT FROM carts WHERE id = \(id) FOR UPDATE")
      return try await bench.checkOut(cart)
    }
    #expect(answer.status.code == 503)
    #expect(try await bench.checkOut(cart).status == .created)
  }

  @Test("one that waits for the first with its key is told so, though that holds the cart, too")
  func keyInProgress() async throws {
    let bench = try await RoutesBench(lockTimeout: "1s")
    let cart = try await bench.readyCart()
    let id = try #require(CartID(cart.id))
    let key = "0123456789abcdef-inprogress"
    let answer = try await bench.bench.database.transaction { transaction in
      // What the first request has written, and not yet committed.
      let order = OrderID.new()
      try await transaction.execute(
        """
        INSERT INTO orders (id, principal, idem_key, fingerprint, capture_mode, currency, subtotal,
          total, payment_id, state, cart_id)
        VALUES (\(order), \("cart:\(id)"), \(key), ''::bytea, 'automatic', 'USD', 0, 0,
          \(PaymentID.new()), 'pending', \(id))
        """)
      let version: Int? = try await transaction.value("SELECT version FROM carts WHERE id = \(id)")
      try await CartRepository(runner: transaction).lock(
        CartVersion(id: id, version: #require(version)), for: order)
      return try await bench.checkOut(cart, key: key)
    }
    #expect(answer.problemKind == .idempotencyInProgress)
  }

  @Test(
    "while its order is in checkout a cart cannot be changed, and no second order is made of it")
  func locked() async throws {
    let bench = try await bench()
    let cart = try await bench.readyCart()
    let running = try await bench.checkOut(cart, prefer: "wait=0")
    #expect(running.status == .accepted)
    let order = try running.order().id
    #expect(try await bench.guest(.get, cart).cart().status == "locked")
    let refusals = [
      try await bench.send(
        .put, "/carts/\(cart.id)/lines/1", accessToken: cart.accessToken,
        body: #"{"quantity":5}"#),
      try await bench.guest(.delete, cart), try await bench.checkOut(cart),
    ]
    for answer in refusals {
      #expect(answer.problemKind == .cartNotOpen)
      #expect(answer.problemBody?["orderId"]?.textValue == order)
    }
    #expect(try await bench.orderCount() == 1)
    try await bench.isConsistent()
    try await bench.bench.runWorkers()
    #expect(try await bench.guest(.get, cart).cart().status == "converted")
    try await bench.isConsistent()
  }

  @Test(
    "a cart whose order is given up is open again with its coupon, and is bought as a new order",
    arguments: ["declined", "stock", "cancelled"])
  func reopened(by cause: String) async throws {
    let bench = try await bench()
    let cart = try await bench.readyCart(of: cause == "stock" ? 2 : 1, coupon: "TENTH")
    switch cause {
    case "declined":
      #expect(try await bench.checkOut(cart, token: "tok_declined").status.code == 402)
    case "stock":
      let answer = try await bench.checkOut(cart)
      #expect(answer.problemKind == .insufficientStock)
    default:
      let order = try await bench.checkOut(cart, prefer: "wait=0").order()
      let cancelled = try await bench.send(
        .post, "/orders/\(order.id)/cancel", accessToken: order.accessToken)
      #expect(cancelled.status == .ok)
    }
    try await bench.isConsistent()
    #expect(try await bench.used("TENTH") == 0)
    let open = try await bench.guest(.get, cart).cart()
    #expect(open.status == "open")
    #expect(open.orderId == nil)
    if cause == "stock" {
      _ = try await bench.send(
        .put, "/carts/\(cart.id)/lines/2", accessToken: cart.accessToken, body: #"{"quantity":1}"#)
    }
    #expect(try await bench.checkOut(cart).status == .created)
    #expect(try await bench.orderCount() == 2)
    #expect(try await bench.used("TENTH") == 1)
    try await bench.isConsistent()
  }

  @Test("a cart whose user has opened another meanwhile is not opened again")
  func reopenedBesideAnother() async throws {
    let bench = try await bench()
    let user = "\(UserID.new())"
    let cart = try await bench.readyCart(as: user)
    let running = try await bench.checkOut(
      cart, token: "tok_declined", as: user, prefer: "wait=0")
    #expect(running.status == .accepted)
    let next = try await bench.send(.post, "/carts", as: user)
    #expect(next.status == .created)
    try await bench.bench.runWorkers()
    #expect(
      try await bench.send(.get, "/carts/\(cart.id)", as: user).cart().status == "abandoned")
    #expect(
      try await bench.send(.get, "/carts/\(try next.cart().id)", as: user).cart().status == "open")
    try await bench.isConsistent()
  }

  @Test("a confirmed order that is cancelled gives its coupon back; its cart stays bought")
  func cancelledLater() async throws {
    let bench = try await bench()
    let cart = try await bench.readyCart(coupon: "TENTH")
    let order = try await bench.checkOut(cart).order()
    #expect(try await bench.used("TENTH") == 1)
    let cancelled = try await bench.send(
      .post, "/orders/\(order.id)/cancel", accessToken: order.accessToken)
    #expect(cancelled.status == .ok)
    #expect(try await bench.used("TENTH") == 0)
    #expect(try await bench.guest(.get, cart).cart().status == "converted")
    try await bench.isConsistent()
  }

  @Test("of many who buy one cart at once, under keys of their own, one does")
  func contended() async throws {
    let bench = try await bench()
    let cart = try await bench.readyCart()
    let answers = try await withThrowingTaskGroup(of: HTTPResponse.self) { group in
      for _ in 0..<8 { group.addTask { try await bench.checkOut(cart) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(answers.filter { $0.status == .created }.count == 1)
    #expect(answers.filter { $0.problemKind == .cartNotOpen }.count == 7)
    #expect(try await bench.orderCount() == 1)
    try await bench.isConsistent()
  }

  @Test("what is free is bought without a payment")
  func free() async throws {
    let bench = try await bench()
    try await bench.makeCoupon(#""code":"ALL","kind":"percent","value":100"#)
    let body = #"""
      {"items":[{"productId":1,"quantity":1}],"email":"ada@example.com","couponCode":"all",
      "shippingAddress":{"name":"A","line1":"1","city":"B","postalCode":"3","country":"CH"}}
      """#
    let bought = try await bench.send(.post, "/orders", body: body)
    #expect(bought.status == .created)
    let order = try bought.order()
    #expect(order.totals.total.amount == 0)
    #expect(order.paymentId == nil)
    #expect(bench.bench.peers.calls == [.quote, .hold, .commit])
    let cancelled = try await bench.send(
      .post, "/orders/\(order.id)/cancel", accessToken: order.accessToken)
    #expect(cancelled.status == .ok)
    #expect(bench.bench.peers.calls == [.quote, .hold, .commit, .release])
    try await bench.isConsistent()
  }

  @Test("buying at once takes an address that the user keeps, a method and a coupon")
  func buyNow() async throws {
    let bench = try await bench()
    let user = UserID.new()
    let method = try await bench.makeMethod(
      #""name":"Post","price":{"amount":700,"currency":"USD"}"#)
    try await bench.makeCoupon(
      #""code":"OFF","kind":"fixed","value":{"amount":300,"currency":"USD"}"#)
    let address = bench.bench.addresses.keep(OrdersBench.address, for: user)
    func buy(_ address: String) async throws -> HTTPResponse {
      try await bench.send(
        .post, "/orders", as: "\(user)",
        body: #"""
          {"items":[{"productId":1,"quantity":1}],"addressId":"\#(address)",
          "shippingMethodId":"\#(method)","couponCode":"off","paymentToken":"tok_ok"}
          """#)
    }
    let bought = try await buy("\(address)")
    #expect(bought.status == .created)
    #expect(try bought.order().totals.total.amount == 1400)
    #expect(String(decoding: bought.body, as: UTF8.self).contains("1 Main St"))
    let unknown = try await buy("\(ID<SavedAddress>.new())")
    #expect(unknown.status.code == 422)
    try await bench.isConsistent()
  }

  // MARK: Coupons under load

  @Test("a coupon is used as often as it may, whoever comes at once")
  func maxUses() async throws {
    let bench = try await bench()
    try await bench.makeCoupon(#""code":"FEW","kind":"percent","value":10,"maxUses":3"#)
    let answers = try await withThrowingTaskGroup(of: HTTPResponse.self) { group in
      for number in 0..<12 {
        group.addTask {
          try await bench.send(
            .post, "/orders",
            body: RoutesBench.order(#","couponCode":"FEW","note":"\#(number)""#))
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(answers.filter { $0.status == .created }.count == 3)
    let refused = answers.filter { $0.problemKind == .couponNotApplicable }
    #expect(refused.count == 9)
    #expect(refused.allSatisfy { $0.problemBody?["reason"]?.textValue == "used_up" })
    #expect(try await bench.orderCount() == 3)
    #expect(try await bench.used("FEW") == 3)
    try await bench.isConsistent()
  }

  @Test(
    "a customer uses a coupon as often as a customer may: a guest is known by the e-mail address")
  func maxUsesPerCustomer() async throws {
    let bench = try await bench()
    try await bench.makeCoupon(
      #""code":"ONCE","kind":"percent","value":10,"maxUsesPerCustomer":1"#)
    func buy(as user: String?, _ email: String = "ada@example.com") async throws -> HTTPResponse {
      try await bench.send(
        .post, "/orders", as: user,
        body: RoutesBench.order(#","couponCode":"ONCE""#)
          .replacing("ada@example.com", with: email))
    }
    let answers = try await withThrowingTaskGroup(of: HTTPResponse.self) { group in
      for email in ["ada@example.com", "Ada@Example.com"] + Array(repeating: "a@b.c", count: 4) {
        group.addTask { try await buy(as: nil, email) }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(answers.filter { $0.status == .created }.count == 2)
    #expect(
      answers.filter { $0.problemBody?["reason"]?.textValue == "used_by_customer" }.count == 4)
    let user = "\(UserID.new())"
    #expect(try await buy(as: user).status == .created)
    #expect(try await buy(as: user).status.code == 409)
    #expect(try await bench.used("ONCE") == 3)
    try await bench.isConsistent()
  }

  @Test("a repeated key uses a coupon once, and is answered after the coupon is used up")
  func replayed() async throws {
    let bench = try await bench()
    try await bench.makeCoupon(#""code":"ONE","kind":"percent","value":10,"maxUses":1"#)
    let key: [(HTTPFieldName, String)] = [(.idempotencyKey, "0123456789abcdef-coupon")]
    let body = RoutesBench.order(#","couponCode":"ONE""#)
    let first = try await bench.send(.post, "/orders", fields: key, body: body)
    let again = try await bench.send(.post, "/orders", fields: key, body: body)
    #expect(again.status == .created)
    #expect(again.body == first.body)
    #expect(try await bench.used("ONE") == 1)
  }
}

// MARK: Shapes

private struct CartShape: Decodable, Sendable {
  struct Amount: Decodable {
    let amount: Int64
  }
  struct Line: Decodable {
    let variantId: Int
    let quantity: Int
    let lineTotal: Amount?
    let available: Int
  }
  struct Coupon: Decodable {
    let code: String
    let applicable: Bool
    let reason: String?
  }
  struct Totals: Decodable {
    let discount: Amount
    let shipping: Amount
    let tax: Amount
    let total: Amount
  }
  let id: String
  let userId: String?
  let status: String
  let lines: [Line]
  let coupon: Coupon?
  let totals: Totals
  let orderId: String?
  let accessToken: String?
  let version: Int
}

private struct BoughtShape: Decodable {
  struct Coupon: Decodable {
    let code: String
  }
  struct Method: Decodable {
    let name: String
  }
  let id: String
  let email: String?
  let note: String?
  let totals: CartShape.Totals
  let coupon: Coupon?
  let shippingMethod: Method?
  let paymentId: String?
  let accessToken: String?
}

extension HTTPResponse {
  fileprivate func cart() throws -> CartShape { try decoded() }
  fileprivate func order() throws -> BoughtShape { try decoded() }
}

// MARK: Doing

extension RoutesBench {
  fileprivate func guestCart(of lines: KeyValuePairs<Int, Int> = [1: 1]) async throws -> CartShape {
    let cart = try await send(.post, "/carts").cart()
    for (variant, quantity) in lines {
      _ = try await send(
        .put, "/carts/\(cart.id)/lines/\(variant)", accessToken: cart.accessToken,
        body: #"{"quantity":\#(quantity)}"#)
    }
    return cart
  }

  /// A request of the cart's own guest.
  fileprivate func guest(_ method: HTTPMethod, _ cart: CartShape) async throws -> HTTPResponse {
    try await send(method, "/carts/\(cart.id)", accessToken: cart.accessToken)
  }

  /// Two units of a variant, with all that checkout needs: delivery for 700, and a tenth of tax.
  fileprivate func readyCart(
    of variant: Int = 1, as user: String? = nil, coupon: String? = nil
  ) async throws -> CartShape {
    let method = try await makeMethod(#""name":"Post","price":{"amount":700,"currency":"USD"}"#)
    try await makeRate(#""country":"CH","basisPoints":1000,"includedInPrice":false"#)
    let cart = try await send(.post, "/carts", as: user).cart()
    _ = try await send(
      .put, "/carts/\(cart.id)/lines/\(variant)", as: user, accessToken: cart.accessToken,
      body: #"{"quantity":2}"#)
    #expect(try await ship(cart, to: "CH", by: method, as: user).status == .ok)
    if let coupon {
      try await makeCoupon(#""code":"\#(coupon)","kind":"percent","value":10,"maxUses":100"#)
      let applied = try await send(
        .put, "/carts/\(cart.id)/coupon", as: user, accessToken: cart.accessToken,
        body: #"{"code":"\#(coupon)"}"#)
      #expect(applied.status == .ok)
    }
    return cart
  }

  fileprivate func ship(
    _ cart: CartShape, to country: String, by method: String, as user: String? = nil
  ) async throws -> HTTPResponse {
    try await send(
      .put, "/carts/\(cart.id)/shipping", as: user, accessToken: cart.accessToken,
      body: #"""
        {"address":{"name":"Ada","line1":"1 Main St","city":"Bern","postalCode":"3000",
        "country":"\#(country)"},"methodId":"\#(method)"}
        """#)
  }

  fileprivate func checkOut(
    _ cart: CartShape, token: String? = "tok_ok", as user: String? = nil, key: String? = nil,
    prefer: String? = nil, extra: String = ""
  ) async throws -> HTTPResponse {
    var fields: [(HTTPFieldName, String)] = []
    if let key { fields.append((.idempotencyKey, key)) }
    if let prefer { fields.append((.prefer, prefer)) }
    let payment = token.map { #","paymentToken":"\#($0)""# } ?? ""
    return try await send(
      .post, "/carts/\(cart.id)/checkout", as: user, accessToken: cart.accessToken,
      fields: fields, body: #"{"email":"ada@example.com"\#(payment)\#(extra)}"#)
  }

  fileprivate func orderCount() async throws -> Int? {
    try await bench.database.value("SELECT count(*) FROM orders")
  }

  fileprivate func isConsistent() async throws {
    #expect(try await bench.violations() == [])
  }
}

extension RoutesBench {
  private struct Made: Decodable {
    let id: String?
  }

  /// - Returns: its id.
  func makeMethod(_ members: String) async throws -> String {
    let made = try await send(.post, "/shipping-methods", as: "staff", body: "{\(members)}")
    try #require(made.status == .created)
    return try #require(try made.decoded(as: Made.self).id)
  }

  func makeRate(_ members: String) async throws {
    let made = try await send(.post, "/tax-rates", as: "staff", body: "{\(members)}")
    try #require(made.status == .created)
  }

  func makeCoupon(_ members: String) async throws {
    let made = try await send(.post, "/coupons", as: "staff", body: "{\(members)}")
    try #require(made.status == .created)
  }

  func used(_ coupon: String) async throws -> Int? {
    try await bench.database.value("SELECT used FROM coupons WHERE code = \(coupon)")
  }
}
