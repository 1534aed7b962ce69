import Foundation

/// One visit to the shop that a plan foresees.
struct Purchase: Sendable, Equatable {
  struct Item: Sendable, Equatable {
    let productID: Int
    let quantity: Int
  }

  let index: Int
  /// When it is due, from the start of the run.
  let due: Duration
  let items: [Item]
  /// The simulated card.
  let paymentToken: String
  /// Whether the buyer cancels what was confirmed.
  let isRegretted: Bool
  /// Whether it goes through a cart, with the example coupon; else it is bought at once.
  var isFromCart = false
  /// What staff do with it once it is confirmed.
  var sequel: Sequel = .none

  enum Sequel: Sendable, Equatable {
    case none
    /// All of it is shipped.
    case shipped
    /// Shipped, then paid back and put on the shelf again.
    case refunded
  }
}

/// Who buys what when: drawn from a seed before the run, so that the same seed is the same plan.
struct PurchasePlan: Sendable {
  /// Purchases on average each second.
  let rate: Double
  let duration: Duration
  /// Cards and how often each is used.
  var cards: [(String, weight: Int)] = [("tok_ok", weight: 1)]
  /// Of a hundred confirmed orders.
  var regretsPercent = 0
  /// Of a hundred purchases, those that go through a cart.
  var cartsPercent = 0
  /// Of a hundred orders that nobody regrets: how many are shipped, and how many of those paid back.
  var shippedPercent = 0
  var refundedPercent = 0

  /// Different products in one purchase.
  static let itemsMax = 3
  /// Units of one product.
  static let quantityMax = 2

  /// All purchases in the order of time. Their distances are exponential: buyers do not know of each
  /// other, so they come as a Poisson process.
  ///
  /// - Parameter products: what there is to buy; not empty.
  func purchases(of products: [Int], seed: UInt64) -> [Purchase] {
    var random = SeededRandom(seed: seed)
    var purchases: [Purchase] = []
    var due = Duration.zero
    while true {
      due += .seconds(-log(1 - random.fraction()) / rate)
      guard due < duration else { return purchases }
      purchases.append(draw(purchases.count, due: due, of: products, &random))
    }
  }

  /// The purchase of a number, for buyers who come when they like.
  ///
  /// - Parameter products: what there is to buy; not empty.
  func purchase(_ index: Int, of products: [Int], seed: UInt64) -> Purchase {
    var random = SeededRandom(seed: seed &+ UInt64(index))
    return draw(index, due: .zero, of: products, &random)
  }

  private func draw(
    _ index: Int, due: Duration, of products: [Int], _ random: inout SeededRandom
  ) -> Purchase {
    let count = Int.random(in: 1...min(Self.itemsMax, products.count), using: &random)
    let chosen = products.shuffled(using: &random).prefix(count)
    var purchase = Purchase(
      index: index, due: due,
      items: chosen.map {
        Purchase.Item(
          productID: $0, quantity: Int.random(in: 1...Self.quantityMax, using: &random))
      },
      paymentToken: random.pick(cards),
      isRegretted: Int.random(in: 0..<100, using: &random) < regretsPercent,
      isFromCart: cartsPercent > 0
        && Int.random(in: 0..<100, using: &random) < cartsPercent)
    let (shipped, refunded) = (
      Int.random(in: 0..<100, using: &random), Int.random(in: 0..<100, using: &random)
    )
    if !purchase.isRegretted, shipped < shippedPercent {
      purchase.sequel = refunded < refundedPercent ? .refunded : .shipped
    }
    return purchase
  }
}
