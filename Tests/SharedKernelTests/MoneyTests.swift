import SharedKernel
import Testing

@Suite("Money")
struct MoneyTests {
  private func usd(_ minorUnits: Int64) throws -> Money {
    try Money(minorUnits: minorUnits, currency: .usd)
  }

  // MARK: Arithmetic

  @Test(
    "a fraction is rounded half to even",
    arguments: [
      (0, 2500, 0), (1, 5000, 0), (3, 5000, 2), (5, 5000, 2), (7, 5000, 4), (9, 5000, 4),
      (-1, 5000, 0), (-3, 5000, -2), (-5, 5000, -2), (-7, 5000, -4),
      (10, 2500, 2), (30, 2500, 8), (10, 2499, 2), (10, 2501, 3), (-10, 2501, -3),
      (1, 4999, 0), (1, 5001, 1), (-1, 5001, -1), (10_000, 1, 1), (9_999, 1, 1), (5_000, 1, 0),
      (15_000, 1, 2), (5_001, 1, 1), (100, 10_000, 100), (100, 20_000, 200), (100, -5000, -50),
    ] as [(Int64, Int, Int64)])
  func halfEven(amount: Int64, basisPoints: Int, expected: Int64) throws {
    #expect(try usd(amount).fraction(basisPoints: basisPoints) == usd(expected))
  }

  @Test("a fraction of any amount is the nearest minor unit")
  func nearest() throws {
    var random = SeededRandom(seed: 1)
    for _ in 0..<2000 {
      let amount = Int64.random(in: -1_000_000_000...1_000_000_000, using: &random)
      let points = Int.random(in: 0...10_000, using: &random)
      let result = try usd(amount).fraction(basisPoints: points).minorUnits
      #expect(abs(result * 10_000 - amount * Int64(points)) <= 5000)
    }
  }

  @Test("sums, differences and multiples are exact")
  func arithmetic() throws {
    #expect(try usd(150).adding(usd(-50)) == usd(100))
    #expect(try usd(150).subtracting(usd(200)) == usd(-50))
    #expect(try usd(333).times(3) == usd(999))
    #expect(try usd(333).times(0) == Money.zero(.usd))
  }

  @Test("what leaves the range, or 64 bits, is refused")
  func overflow() throws {
    let most = try usd(Money.minorUnitsMax)
    let least = try usd(-Money.minorUnitsMax)
    #expect(throws: MoneyError.outOfRange) { try usd(Money.minorUnitsMax + 1) }
    #expect(throws: MoneyError.outOfRange) { try usd(.max) }
    #expect(throws: MoneyError.outOfRange) { try usd(.min) }
    #expect(throws: MoneyError.outOfRange) { try most.adding(usd(1)) }
    #expect(throws: MoneyError.outOfRange) { try least.subtracting(usd(1)) }
    #expect(throws: MoneyError.outOfRange) { try most.times(2) }
    #expect(throws: MoneyError.outOfRange) { try most.times(.max) }
    #expect(throws: MoneyError.outOfRange) { try least.times(.max) }
    #expect(throws: MoneyError.outOfRange) { try most.fraction(basisPoints: .max) }
    #expect(throws: MoneyError.outOfRange) { try most.fraction(basisPoints: 10_001) }
    #expect(try most.fraction(basisPoints: 10_000) == most)
  }

  @Test("currencies are not mixed")
  func mixed() throws {
    let yen = try Money(minorUnits: 1, currency: .jpy)
    #expect(throws: MoneyError.mixedCurrencies(.usd, .jpy)) { try usd(1).adding(yen) }
    #expect(throws: MoneyError.mixedCurrencies(.jpy, .usd)) { try yen.subtracting(usd(1)) }
  }

  // MARK: Splitting

  @Test("the units left over by a split go to the largest remainders, the earlier first")
  func splitTable() throws {
    #expect(try usd(100).split(over: [1, 1, 1]).map(\.minorUnits) == [34, 33, 33])
    #expect(try usd(101).split(over: [1, 1, 1]).map(\.minorUnits) == [34, 34, 33])
    #expect(try usd(10).split(over: [0, 3, 1]).map(\.minorUnits) == [0, 8, 2])
    #expect(try usd(1).split(over: [1, 2]).map(\.minorUnits) == [0, 1])
    #expect(try usd(0).split(over: [5, 5]).map(\.minorUnits) == [0, 0])
  }

  @Test("the parts of a split add up to the whole and are within a unit of their share")
  func splitAddsUp() throws {
    var random = SeededRandom(seed: 2)
    for _ in 0..<1000 {
      let amount = Int64.random(in: 0...Money.minorUnitsMax, using: &random)
      var weights = (0..<Int.random(in: 1...20, using: &random)).map { _ in
        let most: Int64 = Bool.random(using: &random) ? 10 : .max
        return Int64.random(in: 0...most, using: &random)
      }
      weights.append(1)
      let parts = try usd(amount).split(over: weights).map(\.minorUnits)
      #expect(parts.reduce(0, +) == amount)
      let total = weights.reduce(Int128(0)) { $0 + Int128($1) }
      for (part, weight) in zip(parts, weights) {
        let distance = Int128(part) * total - Int128(amount) * Int128(weight)
        #expect(distance.magnitude < total.magnitude)
      }
    }
  }

  // MARK: Decimal text

  @Test(
    "an amount is written in major units with at least one digit behind the point",
    arguments: [
      (100_000, "USD", "1000.0"), (49_999, "USD", "499.99"), (50_010, "USD", "500.1"),
      (5, "USD", "0.05"), (-5, "USD", "-0.05"), (0, "USD", "0.0"), (-100, "USD", "-1.0"),
      (1000, "JPY", "1000.0"), (1, "JPY", "1.0"), (1234, "KWD", "1.234"), (1, "KWD", "0.001"),
      (1200, "KWD", "1.2"),
    ] as [(Int64, String, String)])
  func written(minorUnits: Int64, code: String, text: String) throws {
    let currency = try #require(Currency(code))
    let money = try Money(minorUnits: minorUnits, currency: currency)
    #expect(money.decimalText == text)
    #expect(money.description == "\(code) \(text)")
  }

  @Test(
    "an amount in major units is read to the minor unit",
    arguments: [
      ("1000", "USD", 100_000), ("499.99", "USD", 49_999), ("500.0", "USD", 50_000),
      ("0.1", "USD", 10), ("-0.05", "USD", -5), ("0", "USD", 0), ("1.230000000", "USD", 123),
      ("1000", "JPY", 1000), ("1000.0", "JPY", 1000), ("1.234", "KWD", 1234),
      ("10000000000", "USD", 1_000_000_000_000),
    ] as [(String, String, Int64)])
  func read(text: String, code: String, minorUnits: Int64) throws {
    let currency = try #require(Currency(code))
    #expect(try Money(decimalText: text, currency: currency).minorUnits == minorUnits)
  }

  @Test("what was written is read as the same amount")
  func roundTrip() throws {
    var random = SeededRandom(seed: 3)
    for code in ["USD", "JPY", "KWD"] {
      let currency = try #require(Currency(code))
      for _ in 0..<500 {
        let magnitude = Int64.random(in: 0...40, using: &random)
        let units =
          Int64.random(
            in: -Money.minorUnitsMax...Money.minorUnitsMax, using: &random) >> magnitude
        let money = try Money(minorUnits: units, currency: currency)
        #expect(try Money(decimalText: money.decimalText, currency: currency) == money)
      }
    }
  }

  @Test(
    "text that is no amount of the currency is refused",
    arguments: [
      ("", "USD"), ("-", "USD"), (".", "USD"), ("1.", "USD"), (".5", "USD"), ("-.5", "USD"),
      ("1.2.3", "USD"), ("1e2", "USD"), ("+1", "USD"), ("1,00", "USD"), (" 1", "USD"),
      ("1.005", "USD"), ("0.5", "JPY"), ("1.0001", "KWD"), ("٣", "USD"), ("--1", "USD"),
      ("NaN", "USD"), ("1.-5", "USD"),
    ])
  func malformed(text: String, code: String) throws {
    let currency = try #require(Currency(code))
    #expect(throws: MoneyError.malformed(text)) {
      try Money(decimalText: text, currency: currency)
    }
  }

  @Test(
    "text of an amount beyond the range is refused, however long",
    arguments: [
      "10000000000.01", "99999999999999999999", "-10000000000.01",
      String(repeating: "9", count: 1000), "100000000000",
    ])
  func beyond(text: String) {
    #expect(throws: MoneyError.outOfRange) { try Money(decimalText: text, currency: .usd) }
  }
}
