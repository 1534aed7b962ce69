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
    #expect(Set(Ports.names.map { ports[$0] }).count == Ports.names.count)
    #expect(Ports.names.allSatisfy { (20000..<20100).contains(ports[$0]) })
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
