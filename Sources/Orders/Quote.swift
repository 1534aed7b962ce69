import SharedKernel

/// A variant as the catalogue has it now.
struct CatalogueVariant: Hashable, Sendable {
  let variantID: Int
  let productID: Int
  let name: String
  let sku: String
  let isActive: Bool
  /// Its product has no other, so that the product's id alone means this variant.
  let isOnlyOne: Bool
  /// nil where it has no price in the currency that was asked for.
  let price: Money?
  /// Units that nobody has bought or holds.
  let available: Int
}

/// What a request would buy at today's names, prices and terms.
struct Quote: Sendable {
  struct Line: Hashable, Sendable {
    let variant: CatalogueVariant
    let unitPrice: Money
    let quantity: Int
    let discount: Money
    let tax: Money
  }

  let address: PostalAddress
  let lines: [Line]
  let totals: OrderTotals
  /// nil where the shop has none.
  let method: ShippingMethod?
  let coupon: Coupon?

  /// - Parameters:
  ///   - address: the request's destination.
  ///   - variants: the catalogue's answer for everything that `request` wants.
  /// - Throws: `ValidationFailure` for items that cannot be bought or delivered, each named, and for a
  ///   payment token that is missing; `CartError.couponNotApplicable`; `OrderError.priceChanged` if the
  ///   client expected another total.
  init(
    _ request: OrderRequest, to address: PostalAddress, variants: [CatalogueVariant],
    terms: SalesTerms, now: Timestamp
  ) throws {
    let goods = try Self.goods(of: request, variants)
    let pricing: Pricing
    do {
      var amounts: [Money] = []
      for item in goods { amounts.append(try item.price.times(item.quantity)) }
      let subtotal = try Pricing(
        amounts, in: request.currency, discount: nil, shipping: nil, tax: nil
      ).totals.subtotal
      method = try Self.method(for: request, to: address, subtotal, terms)
      coupon = try Self.coupon(of: request, subtotal, terms, now)
      pricing = try Pricing(
        amounts, in: request.currency, discount: coupon?.terms.benefit, shipping: method,
        tax: terms.taxRate)
    } catch is MoneyError {
      throw ValidationFailure("/items", "out_of_range", "costs more than an order may")
    }
    self.address = address
    lines = zip(goods, pricing.lines).map { item, line in
      Line(
        variant: item.variant, unitPrice: item.price, quantity: item.quantity,
        discount: line.discount, tax: line.tax)
    }
    totals = pricing.totals
    if let expected = request.expectedTotal, expected != totals.total {
      throw OrderError.priceChanged(expected: expected, actual: totals.total)
    }
    if request.paymentToken == nil && totals.total.minorUnits > 0 {
      throw ValidationFailure("/paymentToken", "required", "is required to pay \(totals.total)")
    }
  }

  /// The request's items as the catalogue has them.
  private static func goods(
    of request: OrderRequest, _ variants: [CatalogueVariant]
  ) throws(ValidationFailure) -> [(variant: CatalogueVariant, price: Money, quantity: Int)] {
    var validation = Validation()
    var goods: [(variant: CatalogueVariant, price: Money, quantity: Int)] = []
    var seen: Set<Int> = []
    for (index, item) in request.items.enumerated() {
      let pointer = request.cart == nil ? "/items/\(index)" : "/lines/\(index)"
      switch variants.first(where: { item.wanted.matches($0) && $0.isActive }) {
      case nil:
        validation.require(false, pointer, "unknown", "is not for sale")
      case let variant? where item.isAmbiguous(variant):
        validation.require(
          false, pointer, "several_variants", "comes in several variants: send a variantId")
      case let variant?:
        validation.require(
          seen.insert(variant.variantID).inserted, pointer, "duplicate",
          "is the same as an earlier item")
        if let price = variant.price {
          goods.append((variant, price, item.quantity))
        } else {
          validation.require(
            false, pointer, "not_priced", "has no price in \(request.currency)")
        }
      }
    }
    try validation.finish()
    return goods
  }

  private static func method(
    for request: OrderRequest, to address: PostalAddress, _ subtotal: Money, _ terms: SalesTerms
  ) throws(ValidationFailure) -> ShippingMethod? {
    guard let chosen = request.shippingMethodID else {
      return try terms.cheapestMethod(
        to: address.country, subtotal: subtotal, at: "/shippingAddress/country")
    }
    return try terms.method(
      chosen, to: address.country, in: request.currency,
      at: request.cart == nil ? "/shippingMethodId" : "/shipping/methodId")
  }

  private static func coupon(
    of request: OrderRequest, _ subtotal: Money, _ terms: SalesTerms, _ now: Timestamp
  ) throws(CartError) -> Coupon? {
    guard request.couponCode != nil else { return nil }
    guard let coupon = terms.coupon else { throw .couponNotApplicable(.unknown) }
    let refusal = coupon.refusal(
      subtotal: subtotal, usesByCustomer: terms.couponUses, now: now)
    if let refusal { throw .couponNotApplicable(refusal) }
    return coupon
  }
}

extension OrderRequest.Item {
  fileprivate func isAmbiguous(_ variant: CatalogueVariant) -> Bool {
    if case .product = wanted { !variant.isOnlyOne } else { false }
  }
}

extension OrderRequest.Wanted {
  fileprivate func matches(_ variant: CatalogueVariant) -> Bool {
    switch self {
    case .product(let id): variant.productID == id
    case .variant(let id): variant.variantID == id
    }
  }
}
