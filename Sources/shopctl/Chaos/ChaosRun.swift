import Foundation

/// Buys from a running copy while things are done to it, and then looks whether all is as it must be.
struct ChaosRun: Sendable {
  /// The cards of the customers: most are good, some fail in each way that the simulator knows.
  static let cards: [(String, weight: Int)] = [
    ("tok_ok", weight: 70), ("tok_insufficient_funds", weight: 5), ("tok_capture_fails", weight: 5),
    ("tok_requires_action", weight: 5), ("tok_timeout_then_ok", weight: 5),
    ("tok_error_twice_then_ok", weight: 5), ("tok_slow_ok", weight: 3),
    ("tok_refund_pending", weight: 2),
  ]
  /// Of a hundred confirmed orders.
  static let regretsPercent = 15
  /// Of a hundred purchases, those that go through a cart with a coupon.
  private static let cartsPercent = 30
  /// Of those that nobody regrets.
  static let shippedPercent = 30
  /// Of the shipped ones.
  static let refundedPercent = 50
  /// How long customers go on asking when nothing is done to the shop any more.
  static let patience: Duration = .seconds(60)
  /// How long everything may take to come to rest.
  static let restWithin: Duration = .seconds(180)
  /// Units of each product that are there to be bought.
  static let stock = 20_000
  /// So that the plan of purchases is not drawn from the same numbers as the blows.
  private static let purchaseSalt: UInt64 = 0x5eed_ca54

  let copy: RunningCopy
  let admin: AdminSession
  let chaos: ChaosPlan
  let rate: Double
  let buyers: Int
  let progress: Progress
  /// Told of each blow.
  let told: @Sendable (Duration, Blow, Bool) -> Void

  /// - Throws: `Trouble` when the shop cannot be bought from before anything was done to it, or its
  ///   database cannot be read afterwards.
  func run() async throws -> ChaosReport {
    let shop = Storefront(ports: copy.plan.ports)
    let products = try await shop.products()
    try await shop.receive(Self.stock, of: products)
    let purchases = PurchasePlan(
      rate: rate, duration: chaos.duration, cards: Self.cards, regretsPercent: Self.regretsPercent,
      cartsPercent: Self.cartsPercent,
      shippedPercent: Self.shippedPercent, refundedPercent: Self.refundedPercent
    ).purchases(of: products, seed: chaos.seed ^ Self.purchaseSalt)
    let administration = AdminAPI(ports: copy.plan.ports)
    let blows = Blows(
      state: copy.state, plan: copy.plan, administration: administration, told: told)
    let start = ContinuousClock.now
    let end = start + chaos.duration
    let shopper = Shopper(
      shop: shop, staff: StaffDesk(shop), patientUntil: end + Blows.mendedWithin + Self.patience)

    async let visits = OpenLoop(purchases: purchases, buyers: buyers).run(since: start) {
      await shopper.visit($0)
    }
    let hits = await blows.run(chaos.steps, since: start)
    // The last freeze may end after the plan's time.
    let lastBlow = max(ContinuousClock.now, end)
    var restless = await blows.mend()
    let experiences = await visits.map(\.outcome)
    restless += await AtRest(admin: admin).wait(atMost: Self.restWithin)
    let rest = ContinuousClock.now - lastBlow

    let (verification, rows) = try await admin.snapshot { transaction in
      (
        try await Verification(Check.all, in: transaction, shownMax: 5),
        try await ClientsView.rows(ofRun: shop.run, in: transaction)
      )
    }
    return ChaosReport(
      seed: chaos.seed, seconds: chaos.duration / .seconds(1), blows: hits,
      customers: experiences.count, tries: experiences.reduce(0) { $0 + $1.tries },
      endings: experiences.reduce(into: [:]) { $0[$1.ending.rawValue, default: 0] += 1 },
      restless: restless, secondsToRest: rest / .seconds(1),
      differences: ClientsView(experiences, rows).differences, verification: verification)
  }
}
