import SharedKernel

/// What a client sends to buy something at once, as it came.
struct PlaceOrder: Decodable, Sendable {
  struct Item: Decodable, Sendable {
    let productId: Int?
    let variantId: Int?
    let quantity: Int
  }

  let items: [Item]
  var shippingAddress: PostalAddress?
  var addressId: ID<SavedAddress>?
  var shippingMethodId: ID<ShippingMethod>?
  var couponCode: String?
  var billingAddress: PostalAddress?
  var email: String?
  var paymentToken: String?
  var expectedTotal: Money?
  var note: String?

  var checkout: CheckoutBody {
    CheckoutBody(
      paymentToken: paymentToken, email: email, expectedTotal: expectedTotal,
      billingAddress: billingAddress, note: note)
  }
}

/// What a client sends to buy what is in its cart; of all that buy something.
struct CheckoutBody: Decodable, Sendable {
  var paymentToken: String?
  var email: String?
  var expectedTotal: Money?
  var billingAddress: PostalAddress?
  var note: String?
}

/// A checked request to buy something: nothing behind it has anything left to check.
struct OrderRequest: Sendable {
  /// What is wanted of what; at least one item, at most 100.
  struct Item: Hashable, Sendable {
    let wanted: Wanted
    /// 1 through 999.
    let quantity: Int
  }

  enum Wanted: Hashable, Sendable {
    /// A product that has one variant.
    case product(Int)
    case variant(Int)
  }

  static let itemsMax = 100
  static let quantityMax = 999

  let items: [Item]
  let destination: Destination
  /// nil leaves the choice to the shop, which takes the cheapest.
  let shippingMethodID: ID<ShippingMethod>?
  let couponCode: CouponCode?
  let billingAddress: PostalAddress?
  let email: String?
  /// Not needed where there is nothing to pay.
  let paymentToken: String?
  let expectedTotal: Money?
  let note: String?
  /// That prices are asked in.
  let currency: Currency
  /// The cart that this is, as it was read; nil for what is bought at once.
  let cart: CartVersion?

  /// - Parameter isGuest: a guest's notices need an address here; a user's is asked for when they are
  ///   sent.
  /// - Throws: `ValidationFailure` with every fault; `OrderError.cardDataForbidden` if a text holds
  ///   what looks like a card's number; `CartError` for a coupon's code that is none.
  init(_ body: PlaceOrder, isGuest: Bool) throws {
    var validation = Validation()
    validation.require(
      (1...Self.itemsMax).contains(body.items.count), "/items", "out_of_range",
      "must have 1 to \(Self.itemsMax) items")
    var items: [Item] = []
    for (index, item) in body.items.prefix(Self.itemsMax).enumerated() {
      validation.require(
        (1...Self.quantityMax).contains(item.quantity), "/items/\(index)/quantity",
        "out_of_range", "must be 1 to \(Self.quantityMax)")
      switch (item.productId, item.variantId) {
      case (let product?, nil):
        items.append(Item(wanted: .product(product), quantity: item.quantity))
      case (nil, let variant?):
        items.append(Item(wanted: .variant(variant), quantity: item.quantity))
      case (nil, nil), (_?, _?):
        validation.require(
          false, "/items/\(index)", "one_of", "must have either productId or variantId")
      }
    }
    body.shippingAddress?.validate(at: "/shippingAddress", &validation)
    let checkout = body.checkout
    checkout.validate(isGuest: isGuest, &validation)
    try validation.finish()
    try refuseCardData(in: checkout, shippingAddress: body.shippingAddress)
    destination = try Destination(
      address: body.shippingAddress, addressID: body.addressId, isGuest: isGuest,
      addressPointer: "/shippingAddress")
    couponCode = try body.couponCode.map { text in
      guard let code = CouponCode(text) else { throw CartError.couponNotApplicable(.unknown) }
      return code
    }
    self.items = items
    shippingMethodID = body.shippingMethodId
    currency = checkout.expectedTotal?.currency ?? .usd
    cart = nil
    billingAddress = checkout.billingAddress
    email = checkout.email
    paymentToken = checkout.paymentToken
    expectedTotal = checkout.expectedTotal
    note = checkout.note
  }

  /// What is in a cart, as it was read.
  ///
  /// - Throws: `CartError.notOpen`; `ValidationFailure` for a cart that is empty or goes nowhere yet;
  ///   else as the other.
  init(_ cart: Cart, _ checkout: CheckoutBody, isGuest: Bool) throws {
    try cart.requireOpen()
    var validation = Validation()
    validation.require(!cart.lines.isEmpty, "/lines", "required", "the cart is empty")
    validation.require(
      cart.delivery != nil, "/shipping", "required", "the cart has no address to go to")
    checkout.validate(isGuest: isGuest, &validation)
    if let expected = checkout.expectedTotal {
      validation.require(
        expected.currency == cart.currency, "/expectedTotal/currency", "invalid",
        "must be the cart's currency, \(cart.currency)")
    }
    try validation.finish()
    guard let delivery = cart.delivery else { preconditionFailure("required above") }
    try refuseCardData(in: checkout, shippingAddress: nil)
    items = cart.lines.map { Item(wanted: .variant($0.variantID), quantity: $0.quantity) }
    destination = .address(delivery.address)
    shippingMethodID = delivery.methodId
    couponCode = cart.couponCode
    currency = cart.currency
    self.cart = CartVersion(id: cart.id, version: cart.version)
    billingAddress = checkout.billingAddress
    email = checkout.email
    paymentToken = checkout.paymentToken
    expectedTotal = checkout.expectedTotal
    note = checkout.note
  }
}

/// A cart as it was read: what is bought is what was quoted.
struct CartVersion: Hashable, Sendable {
  let id: CartID
  let version: Int
}

extension CheckoutBody {
  fileprivate func validate(isGuest: Bool, _ validation: inout Validation) {
    billingAddress?.validate(at: "/billingAddress", &validation)
    if let email {
      validation.require(isEmailAddress(email), "/email", "invalid", "is not an e-mail address")
    } else {
      validation.require(!isGuest, "/email", "required", "is required without a signed-in user")
    }
    if let paymentToken {
      validation.requireText(paymentToken, "/paymentToken", length: 1...200)
    }
    if let total = expectedTotal {
      validation.require(total.minorUnits >= 0, "/expectedTotal", "out_of_range")
    }
    if let note { validation.requireText(note, "/note", length: 0...500) }
  }
}

extension PostalAddress {
  func validate(at pointer: String, _ validation: inout Validation) {
    validation.requireText(name, "\(pointer)/name", length: 1...100)
    validation.requireText(line1, "\(pointer)/line1", length: 1...200)
    if let line2 { validation.requireText(line2, "\(pointer)/line2", length: 0...200) }
    validation.requireText(city, "\(pointer)/city", length: 1...100)
    if let region { validation.requireText(region, "\(pointer)/region", length: 0...100) }
    validation.requireText(postalCode, "\(pointer)/postalCode", length: 1...20)
    if let phone { validation.requireText(phone, "\(pointer)/phone", length: 0...40) }
    validation.requireCountry(country, "\(pointer)/country")
  }
}

/// Whether mail could be sent to `text`: one `@` with something on both sides, no spaces or controls.
private func isEmailAddress(_ text: String) -> Bool {
  let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
  return text.utf8.count <= 254 && parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
    && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != 0x2C && $0 != 0x3C && $0 != 0x3E }
}

/// Looks at every text that a person could have typed a card's number into.
private func refuseCardData(
  in body: CheckoutBody, shippingAddress: PostalAddress?
) throws(OrderError) {
  try refuseCardData(in: [
    ("/paymentToken", body.paymentToken), ("/note", body.note), ("/email", body.email),
  ])
  try shippingAddress?.refuseCardData(at: "/shippingAddress")
  try body.billingAddress?.refuseCardData(at: "/billingAddress")
}

private func refuseCardData(
  in texts: [(pointer: String, text: String?)]
) throws(OrderError) {
  for (pointer, text) in texts {
    if let text, CardNumber.isPresent(in: text) {
      throw .cardDataForbidden(pointer: pointer)
    }
  }
}

extension PostalAddress {
  /// - Throws: `OrderError.cardDataForbidden`.
  func refuseCardData(at pointer: String) throws(OrderError) {
    try Orders.refuseCardData(in: [
      ("\(pointer)/name", name), ("\(pointer)/line1", line1), ("\(pointer)/line2", line2),
      ("\(pointer)/city", city), ("\(pointer)/region", region),
      ("\(pointer)/postalCode", postalCode), ("\(pointer)/phone", phone),
    ])
  }
}
