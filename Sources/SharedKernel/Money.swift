/// An amount in minor units of one currency. Arithmetic that would leave the allowed range, or mix
/// currencies, throws; nothing here is a floating-point number.
package struct Money: Hashable, Sendable {
  /// The largest amount of either sign, in minor units.
  package static let minorUnitsMax: Int64 = 1_000_000_000_000

  package let minorUnits: Int64
  package let currency: Currency

  /// - Throws: `MoneyError.outOfRange` past `minorUnitsMax`.
  package init(minorUnits: Int64, currency: Currency) throws(MoneyError) {
    guard (-Self.minorUnitsMax...Self.minorUnitsMax).contains(minorUnits) else {
      throw .outOfRange
    }
    self.minorUnits = minorUnits
    self.currency = currency
  }

  private init(unchecked minorUnits: Int64, _ currency: Currency) {
    self.minorUnits = minorUnits
    self.currency = currency
  }

  package static func zero(_ currency: Currency) -> Money {
    Money(unchecked: 0, currency)
  }

  package func adding(_ other: Money) throws(MoneyError) -> Money {
    guard currency == other.currency else { throw .mixedCurrencies(currency, other.currency) }
    return try Money(minorUnits: minorUnits + other.minorUnits, currency: currency)
  }

  package func subtracting(_ other: Money) throws(MoneyError) -> Money {
    guard currency == other.currency else { throw .mixedCurrencies(currency, other.currency) }
    return try Money(minorUnits: minorUnits - other.minorUnits, currency: currency)
  }

  package func times(_ count: Int) throws(MoneyError) -> Money {
    let (product, overflow) = minorUnits.multipliedReportingOverflow(by: Int64(count))
    guard !overflow else { throw .outOfRange }
    return try Money(minorUnits: product, currency: currency)
  }

  /// `basisPoints` ten-thousandths of this amount, rounded half to even to a minor unit.
  package func fraction(basisPoints: Int) throws(MoneyError) -> Money {
    try fraction(basisPoints, of: 10_000)
  }

  /// `numerator` of `denominator` equal parts of this amount, rounded half to even to a minor unit.
  ///
  /// - Precondition: the denominator is positive.
  package func fraction(_ numerator: Int, of denominator: Int) throws(MoneyError) -> Money {
    precondition(denominator > 0, "no parts to take")
    let (product, overflow) = minorUnits.multipliedReportingOverflow(by: Int64(numerator))
    guard !overflow else { throw .outOfRange }
    let parts = Int64(denominator)
    var (quotient, remainder) = product.quotientAndRemainder(dividingBy: parts)
    let twice = abs(remainder) * 2
    if twice > parts || (twice == parts && quotient % 2 != 0) {
      remainder = product < 0 ? -1 : 1
      quotient += remainder
    }
    return try Money(minorUnits: quotient, currency: currency)
  }

  /// Splits this amount over `weights` so that the parts add up to it exactly: each gets its share
  /// rounded down, and the units left go to the largest remainders, the earlier first.
  ///
  /// - Precondition: the amount and the weights are not negative, and a weight is positive.
  package func split(over weights: [Int64]) -> [Money] {
    precondition(minorUnits >= 0 && weights.allSatisfy { $0 >= 0 }, "a negative share")
    let total = weights.reduce(Int128(0)) { $0 + Int128($1) }
    precondition(total > 0, "no weight to split over")
    var parts = weights.map { Int64(Int128(minorUnits) * Int128($0) / total) }
    let remainders = weights.map { Int128(minorUnits) * Int128($0) % total }
    let left = Int(minorUnits - parts.reduce(0, +))
    let order = weights.indices.sorted {
      remainders[$0] == remainders[$1] ? $0 < $1 : remainders[$0] > remainders[$1]
    }
    for index in order.prefix(left) { parts[index] += 1 }
    return parts.map { Money(unchecked: $0, currency) }
  }
}

/// What an amount can be refused for.
package enum MoneyError: Error, Hashable {
  /// Beyond `Money.minorUnitsMax`.
  case outOfRange
  case mixedCurrencies(Currency, Currency)
  /// Not a decimal number, or more digits behind the point than the currency has.
  case malformed(String)
}

extension Money: Codable {
  private enum CodingKeys: String, CodingKey {
    case amount, currency
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    do {
      try self.init(
        minorUnits: container.decode(Int64.self, forKey: .amount),
        currency: container.decode(Currency.self, forKey: .currency))
    } catch is MoneyError {
      throw DecodingError.dataCorruptedError(
        forKey: .amount, in: container, debugDescription: "beyond ±10^12 minor units")
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(minorUnits, forKey: .amount)
    try container.encode(currency, forKey: .currency)
  }
}

// MARK: Decimal text

extension Money: CustomStringConvertible {
  /// For people: `USD 499.99`.
  package var description: String { "\(currency) \(decimalText)" }

  /// The amount in major units with at least one digit behind the point: `1000.0`, `499.99`.
  package var decimalText: String {
    // Digits from the last to the first. 10^12 minor units, a point, a zero and a sign are 17 bytes.
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 24) { bytes in
      var place = bytes.count
      func put(_ byte: UInt8) {
        place -= 1
        bytes[place] = byte
      }
      var rest = minorUnits.magnitude
      var isTail = true
      for position in 0..<currency.exponent {
        let digit = UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
        isTail = isTail && digit == 0 && position < currency.exponent - 1
        if !isTail { put(UInt8(ascii: "0") + digit) }
      }
      if currency.exponent == 0 { put(UInt8(ascii: "0")) }
      put(UInt8(ascii: "."))
      repeat {
        put(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
        rest /= 10
      } while rest > 0
      if minorUnits < 0 { put(UInt8(ascii: "-")) }
      return String(decoding: bytes[place...], as: UTF8.self)
    }
  }

  /// Reads an amount in major units from the text of a JSON number without an exponent: `1000`,
  /// `499.99`, `500.0`.
  ///
  /// - Throws: `MoneyError.malformed` for any other text and for non-zero digits beyond the
  ///   currency's exponent; `.outOfRange`.
  package init(decimalText text: String, currency: Currency) throws(MoneyError) {
    var value: Int64 = 0
    var fractionDigits: Int?
    let isNegative = text.hasPrefix("-")
    let digits = text.utf8.dropFirst(isNegative ? 1 : 0)
    for byte in digits {
      if byte == UInt8(ascii: "."), fractionDigits == nil, digits.first != byte {
        fractionDigits = 0
        continue
      }
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { throw .malformed(text) }
      if let seen = fractionDigits {
        fractionDigits = seen + 1
        if seen >= currency.exponent {
          guard byte == UInt8(ascii: "0") else { throw .malformed(text) }
          continue
        }
      }
      guard value <= Self.minorUnitsMax else { throw .outOfRange }
      value = value * 10 + Int64(byte - UInt8(ascii: "0"))
    }
    guard !digits.isEmpty, fractionDigits != 0 else { throw .malformed(text) }
    for _ in min(fractionDigits ?? 0, currency.exponent)..<currency.exponent {
      guard value <= Self.minorUnitsMax else { throw .outOfRange }
      value *= 10
    }
    try self.init(minorUnits: isNegative ? -value : value, currency: currency)
  }
}
