import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// Carts over HTTP, for their owners: a user, or the guest who holds the access token.
struct CartRoutes: Sendable {
  private static let tokenKind = "cart"

  let store: any CartStore
  let pricer: CartPricer
  let catalogue: any Catalogue
  let addresses: any AddressBook
  let orders: OrderService
  let secrets: ServiceSecrets
  /// Carts within one transaction.
  let within: @Sendable (Work) -> CartService

  func add(to routes: inout Routes) {
    routes.post("/carts", access: .optional, key: .optional) { try await create($0) }
    routes.get("/carts/{id}", access: .optional) { try await answer(try await visible($0)) }
    routes.delete("/carts/{id}", access: .optional) { call in
      let cart = try await visible(call)
      try call.checkMatch(version: cart.version)
      try await call.transactionally { try await within($0).abandon(cart.id) }
      return .noContent
    }
    routes.put("/carts/{id}/lines/{variantId}", access: .optional) { try await setLine($0) }
    routes.post("/carts/{id}/lines", access: .optional, key: .optional) {
      try await addLine($0)
    }
    routes.put("/carts/{id}/coupon", access: .optional) { try await setCoupon($0) }
    routes.delete("/carts/{id}/coupon", access: .optional) { call in
      try await change(call) { $0.couponCode = nil }
    }
    routes.put("/carts/{id}/shipping", access: .optional) { try await setShipping($0) }
    routes.post("/carts/{id}/claim", access: .customer) { try await claim($0) }
    routes.post(
      "/carts/{id}/checkout", access: .optional, key: .optional, load: .waiting
    ) { try await checkOut($0) }
  }

  // MARK: Beginning

  /// For a key the cart is kept, not the answer: that has a token in it, and prices of the moment.
  private func create(_ call: Call) async throws -> HTTPResponse {
    struct Body: Decodable {
      let currency: Currency?
    }
    let currency = call.request.body.isEmpty ? nil : try call.json(Body.self).currency
    let user = call.caller.userID
    let made = try await call.idempotently { work in
      let (cart, isNew) = try await within(work).create(for: user, in: currency)
      return HTTPResponse(isNew ? .created : .ok).adding(.location, "/carts/\(cart.id)")
    }
    guard made.status.code < 300, let location = made.fields[.location],
      let id = CartID(String(location.dropFirst("/carts/".count))),
      let cart = try await store.cart(id)
    else { return made }
    let token =
      user == nil ? secrets.accessToken(kind: Self.tokenKind, id: id.description) : nil
    var answer = try await answer(cart, made.status, accessToken: token)
      .adding(.location, location)
    if let replayed = made.fields["Idempotent-Replayed"] {
      answer.fields["Idempotent-Replayed"] = replayed
    }
    return answer
  }

  /// The user takes over what a guest, who may be the same person, has put into a cart.
  private func claim(_ call: Call) async throws -> HTTPResponse {
    struct Body: Decodable {
      let accessToken: String
    }
    let id: CartID = try call.parameter("id")
    guard let user = call.caller.userID,
      secrets.isValid(
        try call.json(Body.self).accessToken, kind: Self.tokenKind, id: id.description)
    else { throw NotFound("cart") }
    let cart = try await call.transactionally { try await within($0).claim(id, by: user) }
    return try await answer(cart)
  }

  // MARK: Changing

  private func setLine(_ call: Call) async throws -> HTTPResponse {
    struct Body: Decodable {
      let quantity: Int
    }
    let quantity = try call.json(Body.self).quantity
    let variant: Int = try call.parameter("variantId")
    let cart = try await visible(call)
    if quantity > 0 { try await requireOffer(of: variant, in: cart) }
    return try await change(call) { try $0.set(quantity, of: variant) }
  }

  private func addLine(_ call: Call) async throws -> HTTPResponse {
    struct Body: Decodable {
      let productId: Int?
      let variantId: Int?
      let quantity: Int
    }
    let body: Body = try call.json()
    guard (1...OrderRequest.quantityMax).contains(body.quantity) else {
      throw ValidationFailure(
        "/quantity", "out_of_range", "must be 1 to \(OrderRequest.quantityMax)")
    }
    let cart = try await visible(call)
    let variant = try await variant(body.variantId, orOf: body.productId, for: cart)
    // For a key it is kept that this was done; what the cart is by then is answered.
    let done = try await call.idempotently(as: owner(of: cart)) { work in
      _ = try await within(work).change(cart.id) { cart in
        try call.checkMatch(version: cart.version)
        try cart.set(cart.quantity(of: variant) + body.quantity, of: variant)
      }
      return HTTPResponse(.ok)
    }
    guard done.status == .ok else { return done }
    var answer = try await answer(try await visible(call))
    if let replayed = done.fields["Idempotent-Replayed"] {
      answer.fields["Idempotent-Replayed"] = replayed
    }
    return answer
  }

  private func variant(
    _ variant: Int?, orOf product: Int?, for cart: Cart
  ) async throws -> Int {
    switch (variant, product) {
    case (let variant?, nil):
      try await requireOffer(of: variant, in: cart)
      return variant
    case (nil, let product?):
      let found = try await catalogue.variants([.product(product)], in: cart.currency, limit: nil)
      guard let variant = found.first(where: { $0.productID == product }) else {
        throw NotFound("product")
      }
      if !variant.isOnlyOne {
        throw ValidationFailure(
          "/productId", "several_variants", "comes in several variants: send a variantId")
      }
      try require(variant, in: cart)
      return variant.variantID
    case (nil, nil), (_?, _?):
      throw ValidationFailure("", "one_of", "must have either productId or variantId")
    }
  }

  private func requireOffer(of variant: Int, in cart: Cart) async throws {
    try require(
      try await pricer.prices.variants([variant], in: cart.currency)[variant], in: cart)
  }

  /// - Throws: `NotFound` for what is not for sale; `ValidationFailure` for what is, in other currencies.
  private func require(_ offer: CatalogueVariant?, in cart: Cart) throws {
    guard let offer, offer.isActive else { throw NotFound("variant") }
    if offer.price == nil {
      throw ValidationFailure("/variantId", "not_priced", "has no price in \(cart.currency)")
    }
  }

  private func setCoupon(_ call: Call) async throws -> HTTPResponse {
    struct Body: Decodable {
      let code: String
    }
    guard let code = CouponCode(try call.json(Body.self).code) else {
      throw CartError.couponNotApplicable(.unknown)
    }
    var cart = try await visible(call)
    try cart.requireOpen()
    cart.couponCode = code
    if let refusal = try await pricer.priced(cart).couponRefusal {
      throw CartError.couponNotApplicable(refusal)
    }
    return try await change(call) { $0.couponCode = code }
  }

  private func setShipping(_ call: Call) async throws -> HTTPResponse {
    struct Body: Decodable {
      let address: PostalAddress?
      let addressId: ID<SavedAddress>?
      let methodId: ID<ShippingMethod>
    }
    let body: Body = try call.json()
    let cart = try await visible(call)
    try cart.requireOpen()
    try body.address?.refuseCardData(at: "/address")
    let destination = try Destination(
      address: body.address, addressID: body.addressId, isGuest: call.caller.userID == nil,
      addressPointer: "/address")
    let address = try await destination.resolved(in: addresses, for: call.caller.userID)
    let terms = try await pricer.terms.terms(to: address, coupon: nil, for: nil)
    _ = try terms.method(
      body.methodId, to: address.country, in: cart.currency, at: "/methodId")
    let delivery = Cart.Delivery(address: address, methodId: body.methodId)
    return try await change(call) { $0.delivery = delivery }
  }

  private func change(
    _ call: Call, _ change: (inout Cart) throws -> Void
  ) async throws -> HTTPResponse {
    let id = try await visible(call).id
    let cart = try await call.transactionally { work in
      try await within(work).change(id) { cart in
        try call.checkMatch(version: cart.version)
        try change(&cart)
      }
    }
    return try await answer(cart)
  }

  // MARK: Buying

  private func checkOut(_ call: Call) async throws -> HTTPResponse {
    let body: CheckoutBody = try call.json()
    let cart = try await visible(call)
    let key = OrderKey(
      principal: owner(of: cart) ?? call.principal,
      key: call.idempotencyKey ?? UUID128.v7().description, fingerprint: call.fingerprint)
    let placement = try await orders.checkOut(
      cart.id, body, by: cart.userID, key,
      wait: call.waitPreference(standard: OrderRoutes.waitStandard))
    return try CheckoutAnswer(secrets: secrets).response(to: placement, call)
  }

  // MARK: Whose

  private func answer(
    _ cart: Cart, _ status: HTTPStatus = .ok, accessToken: String? = nil
  ) async throws -> HTTPResponse {
    let view = CartView(try await pricer.priced(cart), accessToken: accessToken)
    return try .json(view, status: status, version: cart.version)
  }

  /// Whose idempotency keys are used with a guest's cart; nil for a user's own.
  private func owner(of cart: Cart) -> String? {
    cart.userID == nil ? "cart:\(cart.id)" : nil
  }

  /// The cart of the path, if it is the caller's.
  ///
  /// - Throws: `NotFound` for others' carts too, so that ids cannot be probed.
  private func visible(_ call: Call) async throws -> Cart {
    guard let cart = try await store.cart(call.parameter("id")) else { throw NotFound("cart") }
    let isOwn =
      if let owner = cart.userID {
        call.caller.userID == owner
      } else {
        call.accessToken.map {
          secrets.isValid($0, kind: Self.tokenKind, id: cart.id.description)
        } ?? false
      }
    guard isOwn else { throw NotFound("cart") }
    return cart
  }
}

extension CartError: RetryableFailure {
  package var retryAfter: Duration? { self == .changedMeanwhile ? .seconds(1) : nil }
}
