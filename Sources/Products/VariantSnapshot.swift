import SharedKernel

/// Which variants' prices and availability are asked for; a product stands for its default variant.
struct VariantQuery: Sendable {
  let ids: [Int]
  let productIDs: [Int]
  let currency: Currency
}

/// What an order copies of a variant at the moment it is placed.
struct VariantSnapshot: Sendable, Encodable {
  let variantId: Int
  let productId: Int
  /// Whether `productId` alone means this variant.
  let isDefault: Bool
  /// How many variants the product has; an order by product id needs exactly one.
  let variantCount: Int
  let name: String
  let sku: String
  let status: String
  let money: Money?
  let available: Int
}
