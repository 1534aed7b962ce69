import ServiceKit
import SharedKernel
import Testing

@testable import Orders

@Suite struct OrderServiceTests {
  @Test("the same key gives the same order")
  func replay() async throws {
    let bench = try await OrdersBench()
    let key = OrdersBench.key()
    let first = try await bench.place(key: key)
    let again = try await bench.orders.place(
      OrdersBench.request(), by: nil, key, wait: .seconds(5))
    #expect(again.isReplay)
    #expect(again.order.id == first.id)
    #expect(again.order.version == first.version)
    #expect(bench.peers.calls == [.quote, .hold, .authorize, .commit, .capture])
  }

  @Test("a repeated request goes on with what the first began, whoever died")
  func replayRuns() async throws {
    let bench = try await OrdersBench()
    let key = OrdersBench.key()
    let first = try await bench.place(key: key, wait: .zero)
    #expect(first.state == .pending)
    let again = try await bench.place(key: key)
    #expect(again.id == first.id)
    #expect(again.state == .confirmed)
  }

  @Test("the catalogue is not asked again for an order that exists")
  func replayWithoutCatalogue() async throws {
    let bench = try await OrdersBench()
    let key = OrdersBench.key()
    let first = try await bench.place(key: key)
    bench.peers.script(.quote, .unreachable)
    #expect(try await bench.place(key: key).id == first.id)
  }

  @Test("a key that named another request is refused")
  func keyReused() async throws {
    let bench = try await OrdersBench()
    _ = try await bench.place(key: OrdersBench.key("0123456789abcdef"))
    await #expect(throws: OrderError.keyReused) {
      _ = try await bench.place(quantity: 2, key: OrdersBench.key("0123456789abcdef", of: 2))
    }
  }

  @Test("of concurrent requests with one key, one makes the order and all get it")
  func concurrent() async throws {
    let bench = try await OrdersBench()
    let key = OrdersBench.key()
    let ids = try await withThrowingTaskGroup(of: OrderID.self) { group in
      for _ in 0..<8 {
        group.addTask { try await bench.place(key: key).id }
      }
      return try await group.reduce(into: Set()) { $0.insert($1) }
    }
    #expect(ids.count == 1)
    #expect(try await bench.database.value("SELECT count(*) FROM orders", as: Int.self) == 1)
    try await bench.runWorkers()
    #expect(bench.peers.payments.map(\.captures) == [1])
    #expect(try await bench.violations() == [])
  }

  @Test("without the catalogue nothing is kept, and the same key starts over")
  func noQuote() async throws {
    let bench = try await OrdersBench()
    let key = OrdersBench.key()
    bench.peers.script(.quote, .unreachable)
    await #expect(throws: UpstreamFailure.self) { _ = try await bench.place(key: key) }
    #expect(try await bench.database.value("SELECT count(*) FROM orders", as: Int.self) == 0)
    #expect(try await bench.place(key: key).state == .confirmed)
  }

  @Test("as many buyers as there are units get one; the others are told that none is left")
  func lastUnits() async throws {
    let bench = try await OrdersBench()
    let orders = try await withThrowingTaskGroup(of: Order.self) { group in
      for _ in 0..<20 {
        group.addTask { try await bench.place(product: 1, quantity: 100) }
      }
      return try await group.reduce(into: [Order]()) { $0.append($1) }
    }
    #expect(orders.filter { $0.state == .confirmed }.count == 10)
    #expect(
      orders.filter { $0.cancellation?.reason == .insufficientStock }.count == 10)
    #expect(try await bench.violations() == [])
  }
}
