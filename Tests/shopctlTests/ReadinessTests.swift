import Foundation
import Testing

@testable import shopctl

struct ReadinessTests {
  private static func answer(_ services: [(name: String, id: String)]) -> Data {
    let checks = services.map { #"{"ServiceName": "\#($0.name)", "ServiceID": "\#($0.id)"}"# }
    return Data("[\(checks.joined(separator: ","))]".utf8)
  }

  @Test("a service is in Consul when each of its instances passes")
  func listed() throws {
    let ports = try Ports(from: nil, replicas: Replicas("order=2"))
    var passing = ServiceEntry.all.map { (name: $0.name, id: "\($0.name)-1") }
    #expect(
      Readiness.unlisted(in: Self.answer(passing), of: ports) == ["1 of 2 of order-service"])
    passing.append(("order-service", "order-service-1"))
    #expect(
      Readiness.unlisted(in: Self.answer(passing), of: ports) == ["1 of 2 of order-service"],
      "a second check of the same instance is no second instance")
    passing.append(("order-service", "order-service-2"))
    #expect(Readiness.unlisted(in: Self.answer(passing), of: ports).isEmpty)
  }

  @Test("an answer of another form lists nothing")
  func strange() throws {
    let ports = try Ports(from: nil)
    #expect(
      Readiness.unlisted(in: Data("nonsense".utf8), of: ports) == ServiceEntry.all.map(\.name))
  }
}
