import EventLoops
import HTTPMessages

/// Orders are paid through somebody who carries out what order asks of payment, and then closes the reused
/// connection instead of answering: each order has one charge all the same.
struct PaymentPathDrill: Drill {
  static let name = "payment-path"
  private static let service = "payment-service"
  private static let ordersPerRound = 5

  func run(on ground: Ground) async throws -> [Finding] {
    let shop = ground.shop
    guard let payment = try shop.instances(of: "payment").first else {
      throw Trouble("no payment service runs")
    }
    try await shop.stockUp(variant: Ground.variant, by: 10_000)
    let thief = try await ground.thief(of: payment.port)
    let before = try await shop.charges()
    try await ground.agent.register(Self.service, port: thief.port)
    // Out of discovery, so that all calls go by way of the thief; it serves as before.
    try await shop.setMaintenance(of: payment, reason: "a drill stands in front")
    var refused: [String] = []
    do {
      try await wait(for: "the thief's place", atMost: .seconds(10), on: ground.loop) {
        await ground.agent.passing(Self.service)?.count == 1
      }
      try await ground.loop.sleep(for: .milliseconds(200))
      for _ in 0..<ground.rounds {
        let outcomes = await withTaskGroup(of: String?.self) { group in
          for _ in 0..<Self.ordersPerRound {
            group.addTask(executorPreference: ground.loop) {
              await shop.order(variant: Ground.variant)
            }
          }
          return await group.reduce(into: [String?]()) { $0.append($1) }
        }
        refused += outcomes.compactMap(\.self)
      }
    } catch {
      try await shop.setMaintenance(of: payment, reason: nil)
      throw error
    }
    try await shop.setMaintenance(of: payment, reason: nil)
    try await ground.agent.deregister(Self.service, port: thief.port)
    let after = try await shop.charges()
    let stolen = await shop.loopback.get(thief.port, "/tally", as: [String: Int].self)?["stolen"]
    let placed = ground.rounds * Self.ordersPerRound
    let charged = after.count - before.count
    return [
      finding(
        "answers of the payment service that were lost", "\(stolen ?? 0)", bound: "some",
        (stolen ?? 0) > 0),
      finding(
        "orders that failed",
        "\(refused.count) of \(placed)"
          + (refused.first.map { " (\($0.prefix(Load.reasonMax)))" } ?? ""), bound: "none",
        refused.isEmpty),
      finding(
        "charges of the provider for them, each of the order's amount",
        "\(charged)" + (after.broken.isEmpty ? "" : ", but \(after.broken.joined(separator: " "))"),
        bound: "\(placed), invariants hold", charged == placed && after.broken.isEmpty),
    ]
  }
}
