import Testing

@testable import shopctl

struct PurchasePlanTests {
  private let cards = [("tok_ok", weight: 8), ("tok_stolen_card", weight: 2)]

  @Test("the same seed is the same plan, another seed another")
  func seeded() {
    let plan = PurchasePlan(rate: 50, duration: .seconds(10), cards: cards, regretsPercent: 20)
    let products = Array(1...24)
    #expect(plan.purchases(of: products, seed: 7) == plan.purchases(of: products, seed: 7))
    #expect(plan.purchases(of: products, seed: 7) != plan.purchases(of: products, seed: 8))
  }

  @Test("purchases come at the rate asked for, in order, with distinct products and known cards")
  func distribution() {
    let plan = PurchasePlan(
      rate: 100, duration: .seconds(100), cards: cards, regretsPercent: 15)
    let purchases = plan.purchases(of: Array(1...24), seed: 3)
    // Poisson of 10,000: four standard deviations are 400.
    #expect((9_600...10_400).contains(purchases.count))
    #expect(purchases.map(\.due) == purchases.map(\.due).sorted())
    #expect(purchases.map(\.index) == Array(purchases.indices))
    #expect(purchases.allSatisfy { Set($0.items.map(\.productID)).count == $0.items.count })
    #expect(Set(purchases.map(\.paymentToken)) == Set(cards.map(\.0)))
    #expect((1_200...1_800).contains(purchases.count { $0.isRegretted }))
  }

  @Test("one product is enough to buy from")
  func one() {
    let plan = PurchasePlan(rate: 10, duration: .seconds(10))
    #expect(plan.purchases(of: [4], seed: 1).allSatisfy { $0.items.map(\.productID) == [4] })
  }

  @Test("the purchase of a number is the same each time, and has some of what there is")
  func single() {
    let plan = PurchasePlan(rate: 10, duration: .seconds(10))
    let products = Array(1...24)
    let purchases = (0..<500).map { plan.purchase($0, of: products, seed: 5) }
    #expect(purchases == (0..<500).map { plan.purchase($0, of: products, seed: 5) })
    #expect(purchases.map(\.index) == Array(0..<500))
    #expect(Set(purchases.map(\.items.count)) == [1, 2, 3])
    #expect(Set(purchases.flatMap { $0.items.map(\.productID) }) == Set(products))
  }
}
