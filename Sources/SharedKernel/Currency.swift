/// An ISO 4217 currency of the fixed table below.
package struct Currency: Hashable, Sendable {
  /// Three capital letters.
  package let code: String
  /// Decimal digits of the minor unit: 2 for USD, 0 for JPY, 3 for KWD.
  package let exponent: Int

  /// nil for a code that the table does not have.
  package init?(_ code: String) {
    guard let exponent = Self.exponents[code] else { return nil }
    self.code = code
    self.exponent = exponent
  }

  private init(code: String, exponent: Int) {
    self.code = code
    self.exponent = exponent
  }

  package static let usd = Currency(code: "USD", exponent: 2)
  package static let eur = Currency(code: "EUR", exponent: 2)
  package static let jpy = Currency(code: "JPY", exponent: 0)

  /// ISO 4217, the currencies a shop is likely to be asked for.
  private static let exponents: [String: Int] = [
    "AED": 2, "AUD": 2, "BGN": 2, "BHD": 3, "BRL": 2, "CAD": 2, "CHF": 2, "CLP": 0, "CNY": 2,
    "CZK": 2, "DKK": 2, "EUR": 2, "GBP": 2, "HKD": 2, "HUF": 2, "IDR": 2, "ILS": 2, "INR": 2,
    "ISK": 0, "JOD": 3, "JPY": 0, "KRW": 0, "KWD": 3, "MXN": 2, "MYR": 2, "NOK": 2, "NZD": 2,
    "OMR": 3, "PHP": 2, "PLN": 2, "RON": 2, "SAR": 2, "SEK": 2, "SGD": 2, "THB": 2, "TND": 3,
    "TRY": 2, "TWD": 2, "UAH": 2, "USD": 2, "VND": 0, "ZAR": 2,
  ]
}

extension Currency: CustomStringConvertible {
  package var description: String { code }
}

extension Currency: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let currency = Currency(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "not a currency code of ISO 4217 that is known here")
    }
    self = currency
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(code)
  }
}
