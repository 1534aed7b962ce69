import SharedKernel
import Testing

@testable import Products

@Suite("Stock")
struct StockTests {
  private let level = StockLevel(variantId: 1, onHand: 10, reserved: 4, lowStockAt: 5, version: 1)

  private func delta(_ amount: StockAdjustment.Amount) throws -> Int {
    try StockAdjustment(amount: amount, reason: .counted, note: nil).delta(on: level)
  }

  @Test("what is available is what nobody has reserved")
  func available() {
    #expect(level.available == 6)
  }

  @Test("stock grows, shrinks to what is reserved, and no further")
  func by() throws {
    #expect(try delta(.by(5)) == 5)
    #expect(try delta(.by(-6)) == -6)
    #expect(throws: StockError.belowReserved(reserved: 4)) { try delta(.by(-7)) }
  }

  @Test("a count counts only against the level that was counted")
  func to() throws {
    #expect(try delta(.to(12, expected: 10)) == 2)
    #expect(try delta(.to(4, expected: 10)) == -6)
    #expect(try delta(.to(10, expected: 10)) == 0)
    #expect(throws: StockError.belowReserved(reserved: 4)) { try delta(.to(3, expected: 10)) }
    #expect(throws: StockError.countedOtherLevel(onHand: 10)) { try delta(.to(12, expected: 9)) }
  }

  @Test(
    "an amount that cannot be meant is refused",
    arguments: [
      .by(0), .by(1_000_001), .by(-1_000_001), .by(.max), .by(.min), .to(-1, expected: 0),
      .to(1_000_001, expected: 0), .to(.min, expected: 0), .to(1, expected: -1),
    ] as [StockAdjustment.Amount])
  func refused(amount: StockAdjustment.Amount) {
    #expect(throws: ValidationFailure.self) {
      try StockAdjustment(amount: amount, reason: .other, note: nil)
    }
  }

  @Test("a note is a text of up to 500 characters", arguments: ["", "a\u{0}"])
  func note(text: String) throws {
    #expect(throws: ValidationFailure.self) {
      try StockAdjustment(amount: .by(1), reason: .other, note: text)
    }
    #expect(throws: ValidationFailure.self) {
      try StockAdjustment(amount: .by(1), reason: .other, note: String(repeating: "x", count: 501))
    }
    _ = try StockAdjustment(
      amount: .by(1), reason: .other, note: String(repeating: "x", count: 500))
  }
}
