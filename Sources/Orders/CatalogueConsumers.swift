import ServiceKit

/// What the product service's events do here: carts ask the catalogue again for what has changed.
struct CatalogueConsumers: Sendable {
  static let types = ["product.updated", "product.archived", "stock.adjusted"]

  let prices: CachedCatalogueClient

  /// The subject is the product's id, of `stock.*` the variant's.
  func apply(_ event: FeedEvent) {
    guard let id = Int(event.subject) else { return }
    if event.type.hasPrefix("stock.") {
      prices.forget(variant: id)
    } else {
      prices.forget(product: id)
    }
  }
}
