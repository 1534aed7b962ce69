import SharedKernel
import Testing

@testable import Orders

@Suite struct OrderTotalsTests {
  private func usd(_ amount: Int64) throws -> Money {
    try Money(minorUnits: amount, currency: .usd)
  }

  @Test("lines add up to the subtotal and the total")
  func sum() throws {
    let totals = try OrderTotals(
      lines: [(try usd(49_999), 2), (try usd(1), 999)], currency: .usd)
    #expect(totals.subtotal == (try usd(100_997)))
    #expect(totals.total == totals.subtotal)
    #expect(totals.discount == .zero(.usd))
  }

  @Test("the total is what is left after discounts, with shipping and added tax")
  func parts() throws {
    let totals = try OrderTotals(
      subtotal: usd(1000), discount: usd(100), shipping: usd(50), tax: usd(90), taxAdded: usd(80))
    #expect(totals.total == (try usd(1030)))
  }

  @Test("a sum beyond the range of money is an error, not a wrap")
  func overflow() throws {
    let dear = try usd(Money.minorUnitsMax)
    #expect(throws: MoneyError.outOfRange) {
      try OrderTotals(lines: [(dear, 2)], currency: .usd)
    }
    #expect(throws: MoneyError.outOfRange) {
      try OrderTotals(lines: [(dear, 1), (dear, 1)], currency: .usd)
    }
  }

  @Test("currencies do not mix")
  func currencies() throws {
    let euro = try Money(minorUnits: 1, currency: .eur)
    #expect(throws: MoneyError.mixedCurrencies(.usd, .eur)) {
      try OrderTotals(lines: [(euro, 1)], currency: .usd)
    }
  }
}
