import SharedKernel
import Testing

@testable import Orders

@Suite struct OrderTotalsTests {
  private func usd(_ amount: Int64) throws -> Money {
    try Money(minorUnits: amount, currency: .usd)
  }

  @Test("the total is what is left after discounts, with shipping and added tax")
  func parts() throws {
    let totals = try OrderTotals(
      subtotal: usd(1000), discount: usd(100), shipping: usd(50), tax: usd(90), taxAdded: usd(80))
    #expect(totals.total == (try usd(1030)))
  }

  @Test("currencies do not mix")
  func currencies() throws {
    let euro = try Money(minorUnits: 1, currency: .eur)
    #expect(throws: MoneyError.mixedCurrencies(.usd, .eur)) {
      try OrderTotals(
        subtotal: usd(1), discount: usd(0), shipping: euro, tax: usd(0), taxAdded: usd(0))
    }
  }
}
