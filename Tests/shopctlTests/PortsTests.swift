import Testing

@testable import shopctl

struct PortsTests {
  @Test("without options the services are where the contract puts them")
  func standard() throws {
    let ports = try Ports(from: nil)
    #expect(ServiceEntry.all.map { ports[$0.short] } == [8081, 8082, 8083, 8084, 8085])
    #expect(ports["consul"] == 8500)
    #expect(ports["postgres"] == 15432)
  }

  @Test("--ports-from moves every port, and no two meet")
  func shifted() throws {
    let ports = try Ports(from: 20000)
    #expect(ServiceEntry.all.map { ports[$0.short] } == [20001, 20002, 20003, 20004, 20005])
    #expect(Set(ports.byName.values).count == ports.byName.count)
    #expect(ports.byName.values.allSatisfy { (20000..<20100).contains($0) })
  }

  @Test("as many instances as there can be have ports of their own within the same hundred")
  func replicas() throws {
    let most = ServiceEntry.all.map { "\($0.short)=\(Replicas.instancesMax)" }
    let replicas = try Replicas(most.joined(separator: ","))
    for from in [nil, 20000] {
      let ports = try Ports(from: from, replicas: replicas)
      #expect(ports.instances.count == 25)
      #expect(Set(ports.byName.values).count == ports.byName.count)
    }
    let ports = try Ports(from: 20000, replicas: replicas)
    #expect(ports.byName.values.allSatisfy { (20000..<20100).contains($0) })
    #expect(ports["order"] == 20002)
    #expect(ports["order-2"] == 20052)
    #expect(ports["order-5"] == 20082)
  }

  @Test("further instances follow the first one's port, and can be moved alone")
  func movedReplicas() throws {
    let ports = try Ports(
      from: nil, overrides: ["order=9082", "user-2=7000"], replicas: Replicas("order=2,user=2"))
    #expect(ports["order-2"] == 9132)
    #expect(ports["user"] == 8083)
    #expect(ports["user-2"] == 7000)
  }

  @Test("an instance that does not run cannot be moved, and none fits past the last port")
  func refusedReplicas() throws {
    let absent = try #require(throws: Trouble.self) {
      try Ports(from: nil, overrides: ["user-2=7000"])
    }
    #expect(absent.evidence[0].hasPrefix("--port user-2=7000: expected NAME=PORT with one of"))
    let high = try #require(throws: Trouble.self) {
      try Ports(from: nil, overrides: ["order=65500"], replicas: Replicas("order=2"))
    }
    #expect(
      high.evidence
        == ["order-2 would be at port 65550, past 65535: say where, --port order-2=PORT"])
  }

  @Test("a service's name means all of its instances, a number one of them")
  func names() throws {
    let ports = try Ports(from: nil, replicas: Replicas("order=3"))
    func called(_ word: String) throws -> [String] { try ports.instances(called: word).map(\.name) }
    #expect(try called("order") == ["order", "order-2", "order-3"])
    #expect(try called("order-service") == ["order", "order-2", "order-3"])
    #expect(try called("order-1") == ["order"])
    #expect(try called("order-service-2") == ["order-2"])
    let trouble = try #require(throws: Trouble.self) { try called("order-4") }
    #expect(trouble.cause == "there is no service \"order-4\".")
    #expect(
      trouble.next
        == ["The services are: product, order, order-2, order-3, user, payment, notification"])
  }

  @Test("--port moves one, by either name of a service")
  func one() throws {
    let ports = try Ports(from: nil, overrides: ["order=9082", "user-service=9083"])
    #expect(ports["order"] == 9082)
    #expect(ports["user"] == 9083)
    #expect(ports["product"] == 8081)
  }

  @Test("all faults of a command line are told at once")
  func faults() throws {
    let trouble = try #require(throws: Trouble.self) {
      try Ports(from: 80, overrides: ["order=80x", "ordr=1", "user"])
    }
    #expect(trouble.cause == "4 bad settings.")
    #expect(trouble.evidence[0].hasPrefix("--ports-from 80: expected"))
    #expect(trouble.evidence[1].hasPrefix("--port order=80x: expected a port"))
    #expect(trouble.evidence[2].hasPrefix("--port ordr=1: expected NAME=PORT"))
    #expect(trouble.evidence[3].hasPrefix("--port user: expected NAME=PORT"))
  }

  @Test("two programs cannot share a port")
  func shared() throws {
    let trouble = try #require(throws: Trouble.self) {
      try Ports(from: nil, overrides: ["user=8081"])
    }
    #expect(trouble.evidence == ["port 8081 is asked for by product and user"])
  }
}
