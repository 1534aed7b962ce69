import SharedKernel

/// Which part of an order's money belongs to which of its units, in minor units of its currency.
///
/// What `n` units of a line cost is the line's price times n / quantity, rounded down; so shares of one
/// line after another always add up to the line, whatever the parcels. What belongs to no line
/// (shipping) is taken with the last parcel.
extension Order {
  /// What a capture for these units takes: what is due once they are shipped, less what was captured
  /// before. 0 where the whole was captured at once.
  func share(of shipped: [Units]) -> Int64 {
    guard captureMode == .manual else { return 0 }
    return max(0, amountDue(afterShipping: shipped) - payment.captured)
  }

  private func amountDue(afterShipping shipped: [Units]) -> Int64 {
    let isLast = lines.allSatisfy { $0.shipped + shipped.quantity(of: $0.id) == $0.quantity }
    if isLast { return totals.total.minorUnits }
    let due = lines.reduce(0) { $0 + price(of: $1.shipped + shipped.quantity(of: $1.id), $1) }
    return min(due, totals.total.minorUnits)
  }

  /// What these units cost of what has not been paid back yet.
  func price(ofRefunding units: [Units]) -> Int64 {
    lines.reduce(0) { sum, line in
      let refunded = line.refunded + units.quantity(of: line.id)
      return sum + price(of: refunded, line) - price(of: line.refunded, line)
    }
  }

  private func price(of units: Int, _ line: OrderLine) -> Int64 {
    // Tax that the prices do not include comes on top of its line.
    let tax = totals.taxAdded.minorUnits > 0 ? line.tax.minorUnits : 0
    // No overflow: money is below 10^12, and quantities are below 10^3.
    return (line.total.minorUnits + tax) * Int64(units) / Int64(line.quantity)
  }
}
