import SharedKernel

/// What the lines of a purchase and the whole of it cost: integers of minor units whose parts add up.
///
/// A percentage, of a discount or of a tax, is rounded half to even to a minor unit for each line, and
/// then added up; a fixed discount is split over the lines by the largest remainders. Tax is on what a
/// line costs after its discount. Shipping is not taxed, and becomes free by the subtotal before
/// discounts.
struct Pricing: Hashable, Sendable {
  struct Line: Hashable, Sendable {
    /// Unit price times quantity.
    let amount: Money
    let discount: Money
    /// Whether the price includes it or not.
    let tax: Money
  }

  let lines: [Line]
  let totals: OrderTotals

  /// - Parameters:
  ///   - amounts: of each line, unit price times quantity; not negative.
  ///   - shipping: nil for what is not delivered yet: a cart without an address.
  /// - Throws: `MoneyError` if a sum leaves the range of money, or currencies are mixed.
  init(
    _ amounts: [Money], in currency: Currency, discount: Coupon.Benefit?,
    shipping: ShippingMethod?, tax rate: TaxRate?
  ) throws(MoneyError) {
    let subtotal = try Self.sum(amounts, currency)
    let discounts = try discount.map { benefit throws(MoneyError) in
      try benefit.discounts(on: amounts)
    }
    var lines: [Line] = []
    for (index, amount) in amounts.enumerated() {
      let discount = discounts?[index] ?? .zero(currency)
      let tax = try rate?.tax(on: amount.subtracting(discount)) ?? .zero(currency)
      lines.append(Line(amount: amount, discount: discount, tax: tax))
    }
    let tax = try Self.sum(lines.map(\.tax), currency)
    self.lines = lines
    totals = try OrderTotals(
      subtotal: subtotal, discount: Self.sum(lines.map(\.discount), currency),
      shipping: shipping?.price(for: subtotal) ?? .zero(currency), tax: tax,
      taxAdded: rate?.isIncludedInPrice == false ? tax : .zero(currency))
  }

  private static func sum(_ parts: [Money], _ currency: Currency) throws(MoneyError) -> Money {
    var sum = Money.zero(currency)
    for part in parts { sum = try sum.adding(part) }
    return sum
  }
}

extension Coupon.Benefit {
  /// What each of the lines costs less; never more than it costs.
  func discounts(on amounts: [Money]) throws(MoneyError) -> [Money] {
    switch self {
    case .percent(let percent):
      var discounts: [Money] = []
      for amount in amounts { discounts.append(try amount.fraction(basisPoints: percent * 100)) }
      return discounts
    case .fixed(let value):
      let subtotal = amounts.reduce(Int64(0)) { $0 + $1.minorUnits }
      guard subtotal > 0 else { return amounts.map { .zero($0.currency) } }
      let discount = try Money(
        minorUnits: min(value.minorUnits, subtotal), currency: value.currency)
      return discount.split(over: amounts.map(\.minorUnits))
    }
  }
}

extension TaxRate {
  /// The tax on `amount`, or the tax within it where prices include it.
  func tax(on amount: Money) throws(MoneyError) -> Money {
    isIncludedInPrice
      ? try amount.fraction(basisPoints, of: 10_000 + basisPoints)
      : try amount.fraction(basisPoints: basisPoints)
  }
}
