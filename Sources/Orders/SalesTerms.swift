import SharedKernel

/// What a purchase costs besides its goods, where it goes to: as it stands now.
struct SalesTerms: Sendable {
  /// All there are, for everywhere.
  let methods: [ShippingMethod]
  let taxRate: TaxRate?
  /// The one whose code was given; nil if there is none, or no code.
  let coupon: Coupon?
  /// How often the customer has used it.
  let couponUses: Int

  /// The cheapest method for goods that go there; of equal ones the first by name.
  ///
  /// - Throws: `ValidationFailure` if the shop has shipping methods, but none that goes there.
  func cheapestMethod(
    to country: String, subtotal: Money, at pointer: String
  ) throws(ValidationFailure) -> ShippingMethod? {
    if methods.isEmpty { return nil }
    let serving = methods.filter { $0.serves(country, in: subtotal.currency) }
    guard
      let cheapest = serving.min(by: {
        $0.price(for: subtotal).minorUnits < $1.price(for: subtotal).minorUnits
      })
    else {
      throw ValidationFailure(pointer, "not_served", "is nowhere that we deliver to")
    }
    return cheapest
  }

  /// - Throws: `ValidationFailure` unless there is such a method and it goes there.
  func method(
    _ id: ID<ShippingMethod>, to country: String, in currency: Currency, at pointer: String
  ) throws(ValidationFailure) -> ShippingMethod {
    guard let method = methods.first(where: { $0.id == id }) else {
      throw ValidationFailure(pointer, "unknown", "is no shipping method")
    }
    guard method.serves(country, in: currency) else {
      throw ValidationFailure(
        pointer, "not_served", "does not deliver to \(country) in \(currency)")
    }
    return method
  }
}

/// Where the terms of sales are kept.
protocol SalesTermsStore: Sendable {
  /// - Parameters:
  ///   - destination: nil where it is not known yet; then there is no tax.
  ///   - customer: nil where nobody is known who could have used the coupon.
  func terms(
    to destination: PostalAddress?, coupon: CouponCode?, for customer: CouponCustomer?
  ) async throws -> SalesTerms
}

/// Whose uses of a coupon are counted together.
enum CouponCustomer: Hashable, Sendable, CustomStringConvertible {
  case user(UserID)
  /// A guest, by the address that the order's notices go to.
  case guest(email: String)

  /// As it is stored.
  var description: String {
    switch self {
    case .user(let id): "user:\(id)"
    case .guest(let email): "email:\(email.lowercased())"
    }
  }

  /// nil for a guest who has not said an address yet.
  init?(user: UserID?, email: String?) {
    if let user {
      self = .user(user)
    } else if let email {
      self = .guest(email: email)
    } else {
      return nil
    }
  }
}
