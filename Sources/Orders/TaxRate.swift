import SharedKernel

/// The tax on goods that go to a country, or to a region of it.
struct TaxRate: Hashable, Sendable {
  let id: ID<TaxRate>
  /// ISO 3166-1 alpha-2.
  let country: String
  /// As addresses name it, in capitals; nil for the whole country, where no region's rate is known.
  let region: String?
  /// Ten-thousandths, 0 through 10000.
  let basisPoints: Int
  /// Whether prices are told with the tax; else it comes on top.
  let isIncludedInPrice: Bool
  let version: Int
}

/// What staff say of a tax rate, checked.
struct TaxRateDraft: Sendable {
  let country: String
  let region: String?
  let basisPoints: Int
  let isIncludedInPrice: Bool

  /// - Throws: `ValidationFailure` with every fault.
  init(
    country: String, region: String?, basisPoints: Int, isIncludedInPrice: Bool
  ) throws(ValidationFailure) {
    var validation = Validation()
    validation.requireCountry(country, "/country")
    if let region { validation.requireText(region, "/region", length: 1...100) }
    validation.require(
      (0...10_000).contains(basisPoints), "/basisPoints", "out_of_range", "must be 0 to 10000")
    try validation.finish()
    self.country = country
    self.region = region?.uppercased()
    self.basisPoints = basisPoints
    self.isIncludedInPrice = isIncludedInPrice
  }
}
