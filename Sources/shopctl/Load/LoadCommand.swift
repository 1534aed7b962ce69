import ArgumentParser
import Foundation

struct Load: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Buys from the running shop, at a steady rate or back to back; says how it answered.",
    discussion: """
      Checkouts are due at times drawn from the seed, whether or not earlier ones were answered. \
      Latency counts from when a checkout was due: when all buyers still wait, the wait counts. \
      With --back-to-back there is no rate: each buyer buys again as soon as there is an answer. \
      It buys what there is; with --stock it receives so many units of each product first, by the \
      example account of staff.

      Examples:
        ./shop load --rate 50 --seconds 30 --buyers 64 --stock 10000
        ./shop load --rate 5 --seconds 10 --json
        ./shop load --back-to-back --buyers 16 --stock 100000
      """)

  static let rateMax = 5_000.0
  static let secondsMax = 3_600
  /// Within what one loop of the HTTP client takes.
  static let buyersMax = 1_000
  static let purchasesMax = 1_000_000.0
  static let stockMax = 1_000_000

  @OptionGroup var copy: CopyOptions

  @Option(help: ArgumentHelp("Checkouts on average each second.", valueName: "N"))
  var rate = 10.0

  @Flag(help: "No rate: each buyer begins the next checkout when the last is answered.")
  var backToBack = false

  @Option(help: ArgumentHelp("How long they come.", valueName: "S"))
  var seconds = 10

  @Option(help: ArgumentHelp("How many may be under way at once.", valueName: "B"))
  var buyers = 64

  @Option(
    help: ArgumentHelp("Draws times and baskets; by default another each time.", valueName: "N"))
  var seed: UInt64?

  @Option(help: ArgumentHelp("Units of each product to receive first.", valueName: "UNITS"))
  var stock = 0

  @Option(
    help: ArgumentHelp(
      "Of a hundred purchases, those that go through a cart, with a coupon.", valueName: "N"))
  var carts = 0

  @Flag(help: "One JSON object, for scripts.")
  var json = false

  func validate() throws {
    guard rate > 0, rate <= Self.rateMax else {
      throw ValidationError("--rate \(rate): expected more than 0, up to \(Self.rateMax) a second")
    }
    guard (1...Self.secondsMax).contains(seconds) else {
      throw ValidationError("--seconds \(seconds): expected 1 to \(Self.secondsMax)")
    }
    guard rate * Double(seconds) <= Self.purchasesMax else {
      throw ValidationError("that would be more than \(Int(Self.purchasesMax)) checkouts")
    }
    guard (1...Self.buyersMax).contains(buyers) else {
      throw ValidationError("--buyers \(buyers): expected 1 to \(Self.buyersMax)")
    }
    guard (0...100).contains(carts) else {
      throw ValidationError("--carts \(carts): expected 0 to 100 of a hundred")
    }
    guard (0...Self.stockMax).contains(stock) else {
      throw ValidationError("--stock \(stock): expected 0 to \(Self.stockMax) units")
    }
  }

  func run() async throws {
    let seed = seed ?? UInt64.random(in: 1...999_999)
    let shop = Storefront(ports: try RunningCopy(copy).plan.ports)
    let products = try await shop.products()
    if stock > 0 { try await shop.receive(stock, of: products) }
    let plan = PurchasePlan(rate: rate, duration: .seconds(seconds), cartsPercent: carts)
    let start = ContinuousClock.now
    let visits =
      backToBack
      ? await ClosedLoop(buyers: buyers, duration: plan.duration).run { index in
        let purchase = plan.purchase(index, of: products, seed: seed)
        let began = ContinuousClock.now
        let answer = await shop.checkOut(purchase)
        return OpenLoop.Visit(
          purchase: purchase, outcome: answer, lateness: .zero,
          latency: ContinuousClock.now - began)
      }
      : await OpenLoop(purchases: plan.purchases(of: products, seed: seed), buyers: buyers)
        .run(since: start) { await shop.checkOut($0) }
    let report = LoadReport(
      visits, run: shop.run, rate: backToBack ? nil : rate, duration: plan.duration,
      buyers: buyers, seed: seed, took: ContinuousClock.now - start)
    guard json else { return print(report.text) }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(report), as: UTF8.self))
  }
}
