import SharedKernel

/// A cart at today's prices.
struct PricedCart: Sendable {
  struct Line: Sendable {
    let line: Cart.Line
    /// nil for what is not for sale any more, or not in the cart's currency: it costs nothing here,
    /// and cannot be bought.
    let offer: CatalogueVariant?
    let amount: Money?
  }

  let cart: Cart
  let lines: [Line]
  let totals: OrderTotals
  /// Why the cart's coupon gives nothing at the moment; nil if it does, or there is none.
  let couponRefusal: CouponRefusal?
  /// The chosen one, if it still goes there.
  let method: ShippingMethod?

  /// - Parameter variants: what the catalogue knows of the cart's.
  /// - Throws: `ValidationFailure` if it costs more than an order may.
  init(
    _ cart: Cart, variants: [Int: CatalogueVariant], terms: SalesTerms, now: Timestamp
  ) throws(ValidationFailure) {
    do {
      var lines: [Line] = []
      for line in cart.lines {
        let known = variants[line.variantID]
        if let known, known.isActive, let price = known.price {
          lines.append(Line(line: line, offer: known, amount: try price.times(line.quantity)))
        } else {
          lines.append(Line(line: line, offer: nil, amount: nil))
        }
      }
      let amounts = lines.compactMap(\.amount)
      let method = cart.delivery.flatMap { delivery in
        terms.methods.first {
          $0.id == delivery.methodId && $0.serves(delivery.address.country, in: cart.currency)
        }
      }
      let subtotal = try Pricing(
        amounts, in: cart.currency, discount: nil, shipping: nil, tax: nil
      ).totals.subtotal
      couponRefusal =
        if cart.couponCode == nil {
          nil
        } else if let coupon = terms.coupon {
          coupon.refusal(subtotal: subtotal, usesByCustomer: terms.couponUses, now: now)
        } else {
          .unknown
        }
      totals = try Pricing(
        amounts, in: cart.currency,
        discount: couponRefusal == nil ? terms.coupon?.terms.benefit : nil, shipping: method,
        tax: terms.taxRate
      ).totals
      self.cart = cart
      self.lines = lines
      self.method = method
    } catch {
      throw ValidationFailure("/lines", "out_of_range", "cost more than an order may")
    }
  }
}

/// Looks at carts at today's prices.
struct CartPricer: Sendable {
  let prices: CachedCatalogueClient
  let terms: any SalesTermsStore
  var now: @Sendable () -> Timestamp = { .now() }

  /// - Throws: a `Failure` when the catalogue cannot be asked; `ValidationFailure`.
  func priced(_ cart: Cart) async throws -> PricedCart {
    async let terms = self.terms.terms(
      to: cart.delivery?.address, coupon: cart.couponCode,
      for: cart.userID.map(CouponCustomer.user))
    let variants = try await prices.variants(cart.lines.map(\.variantID), in: cart.currency)
    return try PricedCart(cart, variants: variants, terms: try await terms, now: now())
  }
}
