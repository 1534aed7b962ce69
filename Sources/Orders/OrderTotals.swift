import SharedKernel

/// What an order costs. Discounts, shipping and taxes join the sum when the shop has them; their
/// places are part of every order from the first on.
struct OrderTotals: Hashable, Sendable {
  let subtotal: Money
  let discount: Money
  let shipping: Money
  /// All tax, whether the prices include it or not.
  let tax: Money
  /// The tax that comes on top of the prices.
  let taxAdded: Money
  let total: Money

  /// Adds up lines of (unit price, quantity).
  ///
  /// - Throws: `MoneyError` if a sum leaves the range of money, or currencies are mixed.
  init(
    lines: [(unitPrice: Money, quantity: Int)], currency: Currency
  ) throws(MoneyError) {
    var subtotal = Money.zero(currency)
    for line in lines {
      subtotal = try subtotal.adding(line.unitPrice.times(line.quantity))
    }
    try self.init(
      subtotal: subtotal, discount: .zero(currency), shipping: .zero(currency),
      tax: .zero(currency), taxAdded: .zero(currency))
  }

  /// total = subtotal - discount + shipping + tax on top.
  init(
    subtotal: Money, discount: Money, shipping: Money, tax: Money, taxAdded: Money
  ) throws(MoneyError) {
    self.subtotal = subtotal
    self.discount = discount
    self.shipping = shipping
    self.tax = tax
    self.taxAdded = taxAdded
    total = try subtotal.subtracting(discount).adding(shipping).adding(taxAdded)
  }
}
