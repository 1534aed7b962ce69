import SharedKernel

/// What customers type to pay less: letters, digits, `-` and `_`, whose case does not matter.
struct CouponCode: Hashable, Sendable, LosslessStringConvertible {
  static let lengthMax = 40

  /// In capitals.
  let description: String

  /// nil for a text that no code can be.
  init?(_ text: String) {
    guard (1...Self.lengthMax).contains(text.utf8.count),
      text.utf8.allSatisfy({ byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      })
    else { return nil }
    description = text.uppercased()
  }
}

/// A discount for those who know its code, within its limits.
struct Coupon: Hashable, Sendable {
  enum Benefit: Hashable, Sendable {
    /// 1 through 100.
    case percent(Int)
    case fixed(Money)
  }

  let code: CouponCode
  let terms: CouponTerms
  /// By orders that were not given up.
  let used: Int
  let version: Int

  /// Why a purchase cannot use it, or nil if it can. Whoever accepts the order asks again, with the
  /// coupon locked.
  ///
  /// - Parameters:
  ///   - subtotal: before discounts.
  ///   - usesByCustomer: how often the customer has used it.
  func refusal(subtotal: Money, usesByCustomer: Int, now: Timestamp) -> CouponRefusal? {
    if let start = terms.startsAt, now < start { return .notStarted }
    if let end = terms.endsAt, now >= end { return .ended }
    if let currency = terms.currency, currency != subtotal.currency { return .otherCurrency }
    if let least = terms.minSubtotal, subtotal.minorUnits < least.minorUnits {
      return .subtotalTooSmall
    }
    if let most = terms.maxUses, used >= most { return .usedUp }
    if let most = terms.maxUsesPerCustomer, usesByCustomer >= most { return .usedByCustomer }
    return nil
  }
}

enum CouponRefusal: String, Codable, Sendable, CaseIterable {
  /// There is no such coupon.
  case unknown
  case notStarted = "not_started"
  case ended
  case otherCurrency = "other_currency"
  case subtotalTooSmall = "subtotal_too_small"
  case usedUp = "used_up"
  case usedByCustomer = "used_by_customer"
}

/// What a coupon gives, and to whom when; checked.
struct CouponTerms: Hashable, Sendable {
  static let usesMax = 1_000_000_000

  let benefit: Coupon.Benefit
  /// Before discounts.
  let minSubtotal: Money?
  let startsAt: Timestamp?
  /// From when on it is refused.
  let endsAt: Timestamp?
  let maxUses: Int?
  let maxUsesPerCustomer: Int?

  /// - Throws: `ValidationFailure` with every fault.
  init(
    benefit: Coupon.Benefit, minSubtotal: Money?, startsAt: Timestamp?, endsAt: Timestamp?,
    maxUses: Int?, maxUsesPerCustomer: Int?
  ) throws(ValidationFailure) {
    var validation = Validation()
    switch benefit {
    case .percent(let percent):
      validation.require(
        (1...100).contains(percent), "/value", "out_of_range", "must be 1 to 100 percent")
    case .fixed(let value):
      validation.require(value.minorUnits > 0, "/value", "out_of_range", "must be positive")
      validation.require(
        minSubtotal.map { $0.currency == value.currency } ?? true, "/minSubtotal/currency",
        "invalid", "must be the value's currency")
    }
    if let minSubtotal {
      validation.require(
        minSubtotal.minorUnits >= 0, "/minSubtotal", "out_of_range", "must not be negative")
    }
    if let startsAt, let endsAt {
      validation.require(startsAt < endsAt, "/endsAt", "out_of_range", "must be after startsAt")
    }
    for (pointer, uses) in [("/maxUses", maxUses), ("/maxUsesPerCustomer", maxUsesPerCustomer)] {
      if let uses {
        validation.require(
          (1...Self.usesMax).contains(uses), pointer, "out_of_range",
          "must be 1 to \(Self.usesMax)")
      }
    }
    try validation.finish()
    self.benefit = benefit
    self.minSubtotal = minSubtotal
    self.startsAt = startsAt
    self.endsAt = endsAt
    self.maxUses = maxUses
    self.maxUsesPerCustomer = maxUsesPerCustomer
  }

  /// The only currency that it is good for; nil for a percentage without a least subtotal.
  var currency: Currency? {
    if case .fixed(let value) = benefit { value.currency } else { minSubtotal?.currency }
  }
}
