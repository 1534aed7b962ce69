import CoreHTTP
import ServiceKit
import SharedKernel

/// Coupons over HTTP, for staff.
struct CouponRoutes: Sendable {
  let store: CouponRepository
  let within: @Sendable (Work) -> CouponRepository

  func add(to routes: inout Routes) {
    let records = RecordRoutes(
      path: "/coupons", what: "coupon", readers: .staff, store: store, within: within,
      body: CouponBody.self, view: CouponView.self)
    records.add(to: &routes)
    records.addList(to: &routes)
  }
}

private enum CouponKind: String, Codable {
  case percent, fixed
}

/// A whole number of percent, or an amount of money.
private enum CouponValue: Codable {
  case percent(Int)
  case amount(Money)

  init(from decoder: any Decoder) throws {
    // Which of the two it is shows in its shape; `kind` says which it has to be.
    if let percent = try? decoder.singleValueContainer().decode(Int.self) {
      self = .percent(percent)
    } else {
      self = .amount(try Money(from: decoder))
    }
  }

  func encode(to encoder: any Encoder) throws {
    switch self {
    case .percent(let percent):
      var container = encoder.singleValueContainer()
      try container.encode(percent)
    case .amount(let amount): try amount.encode(to: encoder)
    }
  }
}

private struct CouponBody: RecordBody {
  let code: String
  let kind: CouponKind
  let value: CouponValue
  let minSubtotal: Money?
  let startsAt: Timestamp?
  let endsAt: Timestamp?
  let maxUses: Int?
  let maxUsesPerCustomer: Int?

  init(_ coupon: Coupon) {
    let terms = coupon.terms
    code = "\(coupon.code)"
    (kind, value) = terms.benefit.written
    minSubtotal = terms.minSubtotal
    startsAt = terms.startsAt
    endsAt = terms.endsAt
    maxUses = terms.maxUses
    maxUsesPerCustomer = terms.maxUsesPerCustomer
  }

  func draft() throws -> CouponDraft {
    guard let code = CouponCode(code) else {
      throw ValidationFailure(
        "/code", "invalid",
        "must be 1 to \(CouponCode.lengthMax) letters, digits, hyphens and underscores")
    }
    let benefit: Coupon.Benefit
    switch (kind, value) {
    case (.percent, .percent(let percent)): benefit = .percent(percent)
    case (.fixed, .amount(let amount)): benefit = .fixed(amount)
    case (.percent, .amount): throw ValidationFailure("/value", "type", "must be 1 to 100 percent")
    case (.fixed, .percent):
      throw ValidationFailure("/value", "type", "must be {amount, currency}")
    }
    return CouponDraft(
      code: code,
      terms: try CouponTerms(
        benefit: benefit, minSubtotal: minSubtotal, startsAt: startsAt, endsAt: endsAt,
        maxUses: maxUses, maxUsesPerCustomer: maxUsesPerCustomer))
  }
}

private struct CouponView: RecordView {
  let code: CouponCode
  let kind: CouponKind
  let value: CouponValue
  let minSubtotal: Money?
  let startsAt: Timestamp?
  let endsAt: Timestamp?
  let maxUses: Int?
  let maxUsesPerCustomer: Int?
  let used: Int
  let version: Int

  init(_ coupon: Coupon) {
    let terms = coupon.terms
    code = coupon.code
    (kind, value) = terms.benefit.written
    minSubtotal = terms.minSubtotal
    startsAt = terms.startsAt
    endsAt = terms.endsAt
    maxUses = terms.maxUses
    maxUsesPerCustomer = terms.maxUsesPerCustomer
    used = coupon.used
    version = coupon.version
  }

  var key: String { "\(code)" }
}

extension Coupon.Benefit {
  fileprivate var written: (CouponKind, CouponValue) {
    switch self {
    case .percent(let percent): (.percent, .percent(percent))
    case .fixed(let amount): (.fixed, .amount(amount))
    }
  }
}

extension CouponCode: Encodable {
  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
