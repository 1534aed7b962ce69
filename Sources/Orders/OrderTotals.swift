import SharedKernel

/// What an order costs; `Pricing` makes it of the order's lines.
struct OrderTotals: Hashable, Sendable {
  let subtotal: Money
  let discount: Money
  let shipping: Money
  /// All tax, whether the prices include it or not.
  let tax: Money
  /// The tax that comes on top of the prices.
  let taxAdded: Money
  let total: Money

  /// total = subtotal - discount + shipping + tax on top.
  ///
  /// - Throws: `MoneyError` if it leaves the range of money, or currencies are mixed.
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
