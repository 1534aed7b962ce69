import SharedKernel
import Testing

@testable import Orders

@Suite struct CouponTests {
  private let now = Timestamp.now()

  private func coupon(
    minSubtotal: Int64? = nil, startsAt: Timestamp? = nil, endsAt: Timestamp? = nil,
    maxUses: Int? = nil, maxUsesPerCustomer: Int? = nil, used: Int = 0
  ) throws -> Coupon {
    Coupon(
      code: try #require(CouponCode("Ten-percent")),
      terms: try CouponTerms(
        benefit: .percent(10),
        minSubtotal: try minSubtotal.map { try Money(minorUnits: $0, currency: .usd) },
        startsAt: startsAt, endsAt: endsAt, maxUses: maxUses,
        maxUsesPerCustomer: maxUsesPerCustomer), used: used, version: 1)
  }

  private func refusal(
    _ coupon: Coupon, subtotal: Int64 = 1000, in currency: Currency = .usd, uses: Int = 0
  ) throws -> CouponRefusal? {
    coupon.refusal(
      subtotal: try Money(minorUnits: subtotal, currency: currency), usesByCustomer: uses,
      now: now)
  }

  @Test("the case of a code does not matter, its characters do")
  func codes() {
    #expect(CouponCode("ten_1")?.description == "TEN_1")
    for bad in ["", "a b", "ä", String(repeating: "x", count: 41)] {
      #expect(CouponCode(bad) == nil, "\(bad)")
    }
  }

  @Test("each limit refuses beyond it, and not before")
  func limits() throws {
    #expect(try refusal(coupon()) == nil)
    #expect(try refusal(coupon(startsAt: now)) == nil)
    #expect(try refusal(coupon(startsAt: now + .milliseconds(1))) == .notStarted)
    #expect(try refusal(coupon(endsAt: now)) == .ended)
    #expect(try refusal(coupon(endsAt: now + .milliseconds(1))) == nil)
    #expect(try refusal(coupon(minSubtotal: 1000)) == nil)
    #expect(try refusal(coupon(minSubtotal: 1001)) == .subtotalTooSmall)
    #expect(try refusal(coupon(minSubtotal: 1), in: .eur) == .otherCurrency)
    #expect(try refusal(coupon(maxUses: 2, used: 1)) == nil)
    #expect(try refusal(coupon(maxUses: 2, used: 2)) == .usedUp)
    #expect(try refusal(coupon(maxUsesPerCustomer: 2), uses: 1) == nil)
    #expect(try refusal(coupon(maxUsesPerCustomer: 2), uses: 2) == .usedByCustomer)
  }

  @Test("terms that contradict themselves are refused with each fault")
  func terms() throws {
    let usd = try Money(minorUnits: 0, currency: .usd)
    let failure = #expect(throws: ValidationFailure.self) {
      try CouponTerms(
        benefit: .fixed(usd), minSubtotal: .zero(.eur), startsAt: now, endsAt: now, maxUses: 0,
        maxUsesPerCustomer: -1)
    }
    #expect(
      failure?.faults.map(\.pointer) == [
        "/value", "/minSubtotal/currency", "/endsAt", "/maxUses", "/maxUsesPerCustomer",
      ])
    for percent in [0, 101] {
      #expect(throws: ValidationFailure.self) {
        try CouponTerms(
          benefit: .percent(percent), minSubtotal: nil, startsAt: nil, endsAt: nil, maxUses: nil,
          maxUsesPerCustomer: nil)
      }
    }
  }
}
