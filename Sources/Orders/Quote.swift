import SharedKernel

/// A variant as the catalogue has it now.
struct CatalogueVariant: Hashable, Sendable {
  let variantID: Int
  let productID: Int
  let name: String
  let sku: String
  let isActive: Bool
  /// Its product has no other, so that the product's id alone means this variant.
  let isOnlyOne: Bool
  /// nil where it has no price in the currency that was asked for.
  let price: Money?
}

/// What a request would buy at today's names and prices.
struct Quote: Sendable {
  struct Line: Hashable, Sendable {
    let variant: CatalogueVariant
    let unitPrice: Money
    let quantity: Int
  }

  let lines: [Line]
  let totals: OrderTotals

  /// - Parameter variants: the catalogue's answer for everything that `request` wants.
  /// - Throws: `ValidationFailure` for items that cannot be bought, each named;
  ///   `OrderError.priceChanged` if the client expected another total.
  init(_ request: OrderRequest, variants: [CatalogueVariant]) throws {
    var validation = Validation()
    var lines: [Line] = []
    var seen: Set<Int> = []
    for (index, item) in request.items.enumerated() {
      let pointer = "/items/\(index)"
      switch variants.first(where: { item.wanted.matches($0) && $0.isActive }) {
      case nil:
        validation.require(false, pointer, "unknown", "is not for sale")
      case let variant? where item.isAmbiguous(variant):
        validation.require(
          false, pointer, "several_variants", "comes in several variants: send a variantId")
      case let variant?:
        validation.require(
          seen.insert(variant.variantID).inserted, pointer, "duplicate",
          "is the same as an earlier item")
        if let price = variant.price {
          lines.append(Line(variant: variant, unitPrice: price, quantity: item.quantity))
        } else {
          validation.require(
            false, pointer, "not_priced", "has no price in \(request.currency)")
        }
      }
    }
    try validation.finish()
    self.lines = lines
    do {
      totals = try OrderTotals(
        lines: lines.map { ($0.unitPrice, $0.quantity) }, currency: request.currency)
    } catch {
      throw ValidationFailure("/items", "out_of_range", "costs more than an order may")
    }
    if let expected = request.expectedTotal, expected != totals.total {
      throw OrderError.priceChanged(expected: expected, actual: totals.total)
    }
  }
}

extension OrderRequest.Item {
  fileprivate func isAmbiguous(_ variant: CatalogueVariant) -> Bool {
    if case .product = wanted { !variant.isOnlyOne } else { false }
  }
}

extension OrderRequest.Wanted {
  fileprivate func matches(_ variant: CatalogueVariant) -> Bool {
    switch self {
    case .product(let id): variant.productID == id
    case .variant(let id): variant.variantID == id
    }
  }
}
