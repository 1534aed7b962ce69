import SharedKernel
import Testing

@testable import Orders

@Suite struct PricingTests {
  private func usd(_ amount: Int64) throws -> Money {
    try Money(minorUnits: amount, currency: .usd)
  }

  private func rate(_ basisPoints: Int, included: Bool) -> TaxRate {
    TaxRate(
      id: .new(), country: "CH", region: nil, basisPoints: basisPoints,
      isIncludedInPrice: included, version: 1)
  }

  private func shipping(_ price: Int64, freeFrom: Int64? = nil) throws -> ShippingMethod {
    ShippingMethod(
      id: .new(), name: "Post", countries: [], price: try usd(price),
      freeFrom: try freeFrom.map(usd), version: 1)
  }

  @Test("percentages are rounded half to even for each line")
  func rounding() throws {
    // 10 % of 25 is 2.5, of 35 is 3.5, of 45 is 4.5: 2, 4 and 4.
    let pricing = try Pricing(
      [usd(25), usd(35), usd(45)], in: .usd, discount: .percent(10), shipping: nil,
      tax: rate(1000, included: false))
    #expect(pricing.lines.map(\.discount.minorUnits) == [2, 4, 4])
    // 10 % of 23, 31 and 41.
    #expect(pricing.lines.map(\.tax.minorUnits) == [2, 3, 4])
    #expect(pricing.totals.discount.minorUnits == 10)
    #expect(pricing.totals.taxAdded.minorUnits == 9)
    #expect(pricing.totals.total.minorUnits == 105 - 10 + 9)
  }

  @Test("a fixed discount is split over the lines, its odd units by the largest remainders")
  func fixedDiscount() throws {
    let pricing = try Pricing(
      [usd(100), usd(100), usd(100)], in: .usd, discount: .fixed(usd(100)), shipping: nil,
      tax: nil)
    #expect(pricing.lines.map(\.discount.minorUnits) == [34, 33, 33])
    #expect(pricing.totals.total.minorUnits == 200)
    let all = try Pricing(
      [usd(5), usd(1)], in: .usd, discount: .fixed(usd(1000)), shipping: nil, tax: nil)
    #expect(all.lines.map(\.discount.minorUnits) == [5, 1])
    #expect(all.totals.total.minorUnits == 0)
  }

  @Test("a tax that prices include is told and not added")
  func includedTax() throws {
    // 8.1 % within 108.10 is 8.10.
    let pricing = try Pricing(
      [usd(10_810)], in: .usd, discount: nil, shipping: nil, tax: rate(810, included: true))
    #expect(pricing.totals.tax.minorUnits == 810)
    #expect(pricing.totals.taxAdded.minorUnits == 0)
    #expect(pricing.totals.total.minorUnits == 10_810)
  }

  @Test("shipping becomes free by the subtotal before discounts, and is not taxed")
  func shippingCosts() throws {
    let tax = rate(1000, included: false)
    let below = try Pricing(
      [usd(999)], in: .usd, discount: nil, shipping: shipping(500, freeFrom: 1000), tax: tax)
    #expect(below.totals.shipping.minorUnits == 500)
    #expect(below.totals.tax.minorUnits == 100)
    let from = try Pricing(
      [usd(1000)], in: .usd, discount: .percent(50), shipping: shipping(500, freeFrom: 1000),
      tax: nil)
    #expect(from.totals.shipping.minorUnits == 0)
    #expect(from.totals.total.minorUnits == 500)
  }

  @Test("a sum beyond the range of money is an error, not a wrap")
  func overflow() throws {
    let dear = try usd(Money.minorUnitsMax)
    #expect(throws: MoneyError.outOfRange) {
      try Pricing([dear, dear], in: .usd, discount: nil, shipping: nil, tax: nil)
    }
  }

  @Test("whatever is bought, the parts add up to the whole, and nothing costs less than nothing")
  func addsUp() throws {
    var random = SeededRandom(state: 0x5eed)
    for _ in 0..<2_000 {
      let amounts = try (0..<Int.random(in: 0...12, using: &random)).map { _ in
        try usd(
          Int64.random(in: 0...(Bool.random(using: &random) ? 20 : 5_000_000), using: &random))
      }
      let discount: Coupon.Benefit? =
        switch Int.random(in: 0..<3, using: &random) {
        case 0: nil
        case 1: .percent(Int.random(in: 1...100, using: &random))
        default: .fixed(try usd(Int64.random(in: 1...6_000_000, using: &random)))
        }
      let tax = rate(
        Int.random(in: 0...10_000, using: &random), included: Bool.random(using: &random))
      let pricing = try Pricing(
        amounts, in: .usd, discount: discount,
        shipping: try shipping(
          Int64.random(in: 0...2_000, using: &random),
          freeFrom: Int64.random(in: 0...1_000_000, using: &random)), tax: tax)
      let totals = pricing.totals
      func sum(_ part: (Pricing.Line) -> Money) -> Int64 {
        pricing.lines.reduce(0) { $0 + part($1).minorUnits }
      }
      #expect(pricing.lines.count == amounts.count)
      #expect(sum(\.amount) == totals.subtotal.minorUnits)
      #expect(sum(\.discount) == totals.discount.minorUnits)
      #expect(sum(\.tax) == totals.tax.minorUnits)
      #expect(totals.taxAdded == (tax.isIncludedInPrice ? .zero(.usd) : totals.tax))
      let discounted = totals.subtotal.minorUnits - totals.discount.minorUnits
      #expect(
        totals.total.minorUnits
          == discounted + totals.shipping.minorUnits + totals.taxAdded.minorUnits)
      for line in pricing.lines {
        #expect((0...line.amount.minorUnits).contains(line.discount.minorUnits))
        #expect(line.tax.minorUnits >= 0)
        // Half a minor unit off at most, against twice the exact tax in parts of its denominator.
        let base = line.amount.minorUnits - line.discount.minorUnits
        let parts = Int64(tax.isIncludedInPrice ? 10_000 + tax.basisPoints : 10_000)
        #expect(abs(line.tax.minorUnits * parts - base * Int64(tax.basisPoints)) * 2 <= parts)
      }
      if case .fixed(let value) = discount {
        #expect(totals.discount.minorUnits == min(value.minorUnits, totals.subtotal.minorUnits))
      }
    }
  }
}
