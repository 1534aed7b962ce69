import EventLoops
import HTTPMessages

/// Five hundred customers that place an order and hang up after 5 ms.
struct HangUpDrill: Drill {
  static let name = "hang-up"
  private static let clients = 500
  private static let patience: Duration = .milliseconds(5)

  func run(on ground: Ground) async throws -> [Finding] {
    let shop = ground.shop
    try await shop.stockUp(variant: Ground.variant, by: 10_000)
    let loop = ground.loop
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<Self.clients {
        group.addTask(executorPreference: loop) {
          await withTaskGroup(of: Void.self) { one in
            one.addTask { _ = await shop.order(variant: Ground.variant) }
            // The order is cancelled, and with it its connection is closed.
            try? await loop.sleep(for: Self.patience)
            one.cancelAll()
          }
        }
      }
    }
    let open = try await shop.openBreakers()
    let next = await shop.order(variant: Ground.variant)
    return [
      finding(
        "circuit breakers of the order service that are not closed",
        open.isEmpty ? "none" : open.joined(separator: ", "), bound: "none", open.isEmpty),
      finding("the next customer's order", next ?? "accepted", bound: "accepted", next == nil),
    ]
  }
}
