import SharedKernel

/// A way to deliver, and what it costs.
struct ShippingMethod: Hashable, Sendable {
  static let countriesMax = 250

  let id: ID<ShippingMethod>
  let name: String
  /// ISO 3166-1 alpha-2; empty for everywhere.
  let countries: [String]
  let price: Money
  /// The subtotal from which it costs nothing; nil if it always costs.
  let freeFrom: Money?
  let version: Int

  /// Methods are offered in the currency of their price alone: nothing is converted.
  func serves(_ country: String, in currency: Currency) -> Bool {
    price.currency == currency && (countries.isEmpty || countries.contains(country))
  }

  /// What it costs to deliver goods for `subtotal`, before discounts.
  func price(for subtotal: Money) -> Money {
    if let freeFrom, subtotal.minorUnits >= freeFrom.minorUnits { return .zero(price.currency) }
    return price
  }
}

/// What staff say of a shipping method, checked.
struct ShippingMethodDraft: Sendable {
  let name: String
  let countries: [String]
  let price: Money
  let freeFrom: Money?

  /// - Throws: `ValidationFailure` with every fault.
  init(
    name: String, countries: [String], price: Money, freeFrom: Money?
  ) throws(ValidationFailure) {
    var validation = Validation()
    validation.requireText(name, "/name", length: 1...100)
    validation.require(
      countries.count <= ShippingMethod.countriesMax, "/countries", "out_of_range",
      "must be \(ShippingMethod.countriesMax) at most")
    for (index, country) in countries.prefix(ShippingMethod.countriesMax).enumerated() {
      validation.requireCountry(country, "/countries/\(index)")
    }
    validation.require(
      Set(countries).count == countries.count, "/countries", "duplicate", "names a country twice")
    validation.require(price.minorUnits >= 0, "/price", "out_of_range", "must not be negative")
    if let freeFrom {
      validation.require(
        freeFrom.minorUnits >= 0, "/freeFrom", "out_of_range", "must not be negative")
      validation.require(
        freeFrom.currency == price.currency, "/freeFrom/currency", "invalid",
        "must be the price's currency")
    }
    try validation.finish()
    self.name = name
    self.countries = countries
    self.price = price
    self.freeFrom = freeFrom
  }
}

extension Validation {
  /// Notes a fault unless `text` has the form of a country's code in ISO 3166-1 alpha-2.
  mutating func requireCountry(_ text: String, _ pointer: String) {
    require(
      text.utf8.count == 2
        && text.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) },
      pointer, "invalid", "must be two capital letters of ISO 3166-1")
  }
}
