import Testing

@testable import shopctl

struct ServiceInstanceTests {
  @Test("one instance of each service runs unless told otherwise")
  func one() throws {
    #expect(Replicas().instances.map(\.name) == ServiceEntry.all.map(\.short))
    #expect(try Replicas("order=1").instances.map(\.name) == ServiceEntry.all.map(\.short))
  }

  @Test("further instances have a number behind the service's name, which may be given in full")
  func several() throws {
    let names = try Replicas("product-service=2,order=3").instances.map(\.name)
    #expect(
      names == [
        "product", "product-2", "order", "order-2", "order-3", "user", "payment", "notification",
      ])
  }

  @Test("all faults of --replicas are told at once, each with what was expected")
  func faults() throws {
    let trouble = try #require(throws: Trouble.self) {
      try Replicas("ordr=2,order,user=0,payment=6,product=2x,notification=2,notification-service=2")
    }
    #expect(trouble.cause == "6 bad settings.")
    #expect(
      trouble.evidence == [
        "--replicas ordr=2: expected NAME=COUNT with one of product, order, user, payment, notification",
        "--replicas order: expected NAME=COUNT with one of product, order, user, payment, notification",
        "--replicas user=0: expected 1 to 5 after \"user=\"",
        "--replicas payment=6: expected 1 to 5 after \"payment=\"",
        "--replicas product=2x: expected 1 to 5 after \"product=\"",
        "--replicas notification-service=2: notification is named twice",
      ])
  }

  @Test("an empty --replicas, and an empty part of one, is a fault", arguments: ["", "order=2,"])
  func empty(text: String) throws {
    let trouble = try #require(throws: Trouble.self) { try Replicas(text) }
    #expect(trouble.evidence[0].hasPrefix("--replicas : expected NAME=COUNT"))
  }
}
