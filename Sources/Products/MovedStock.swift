/// A variant's stock as the statement left it that has just changed it.
struct MovedStock {
  let variantID: Int
  let sku: String
  let available: Int
  let lowAt: Int
  let version: Int

  /// Whether this very change brought it down to where staff are told; further ones do not.
  ///
  /// - Parameter units: by how many there are more available than before.
  func hasBecomeLow(by units: Int) -> Bool {
    available <= lowAt && available - units > lowAt
  }
}
