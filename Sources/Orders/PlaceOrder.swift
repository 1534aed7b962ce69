import SharedKernel

/// What a client sends to buy something, as it came.
struct PlaceOrder: Decodable, Sendable {
  struct Item: Decodable, Sendable {
    let productId: Int?
    let variantId: Int?
    let quantity: Int
  }

  let items: [Item]
  let shippingAddress: PostalAddress
  let billingAddress: PostalAddress?
  let email: String?
  let paymentToken: String
  let expectedTotal: Money?
  let note: String?
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
  let shippingAddress: PostalAddress
  let billingAddress: PostalAddress?
  let email: String?
  let paymentToken: String
  let expectedTotal: Money?
  let note: String?

  /// The currency that prices are asked in.
  var currency: Currency { expectedTotal?.currency ?? .usd }

  /// - Parameter isGuest: a guest's notices need an address here; a user's is asked for when they are
  ///   sent.
  /// - Throws: `ValidationFailure` with every fault; `OrderError.cardDataForbidden` if a text holds
  ///   what looks like a card's number.
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
    body.shippingAddress.validate(at: "/shippingAddress", &validation)
    body.billingAddress?.validate(at: "/billingAddress", &validation)
    if let email = body.email {
      validation.require(isEmailAddress(email), "/email", "invalid", "is not an e-mail address")
    } else {
      validation.require(!isGuest, "/email", "required", "is required without a signed-in user")
    }
    validation.requireText(body.paymentToken, "/paymentToken", length: 1...200)
    if let total = body.expectedTotal {
      validation.require(total.minorUnits >= 0, "/expectedTotal", "out_of_range")
    }
    if let note = body.note { validation.requireText(note, "/note", length: 0...500) }
    try validation.finish()
    try refuseCardData(in: body)

    self.items = items
    shippingAddress = body.shippingAddress
    billingAddress = body.billingAddress
    email = body.email
    paymentToken = body.paymentToken
    expectedTotal = body.expectedTotal
    note = body.note
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
    validation.require(
      country.utf8.count == 2
        && country.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) },
      "\(pointer)/country", "invalid", "must be two capital letters of ISO 3166-1")
  }
}

/// Whether mail could be sent to `text`: one `@` with something on both sides, no spaces or controls.
private func isEmailAddress(_ text: String) -> Bool {
  let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
  return text.utf8.count <= 254 && parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
    && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != 0x2C && $0 != 0x3C && $0 != 0x3E }
}

/// Looks at every text that a person could have typed a card's number into.
private func refuseCardData(in body: PlaceOrder) throws(OrderError) {
  var texts: [(pointer: String, text: String?)] = [
    ("/paymentToken", body.paymentToken), ("/note", body.note), ("/email", body.email),
  ]
  for (pointer, address) in [
    ("/shippingAddress", body.shippingAddress), ("/billingAddress", body.billingAddress),
  ] {
    texts += [
      ("\(pointer)/name", address?.name), ("\(pointer)/line1", address?.line1),
      ("\(pointer)/line2", address?.line2), ("\(pointer)/city", address?.city),
      ("\(pointer)/region", address?.region), ("\(pointer)/postalCode", address?.postalCode),
      ("\(pointer)/phone", address?.phone),
    ]
  }
  for (pointer, text) in texts {
    if let text, CardNumber.isPresent(in: text) {
      throw .cardDataForbidden(pointer: pointer)
    }
  }
}
