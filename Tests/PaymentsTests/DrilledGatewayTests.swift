import SharedKernel
import Testing

@testable import Payments

struct DrilledGatewayTests {
  private struct Fault: Error {}

  private func gateway(failingAt point: String?, _ bench: PaymentBench) -> DrilledGateway {
    DrilledGateway(provider: bench.simulator) { passed, _ in
      if passed == point { throw Fault() }
    }
  }

  @Test("before, the provider never hears of it; after, it has done it and the answer is lost")
  func points() async throws {
    let bench = try await PaymentBench.shared()
    let request = AuthorizeRequest(
      operation: .new(), amount: try Money(minorUnits: 700, currency: .usd), token: "tok_ok")
    await #expect(throws: GatewayError.unavailable("a drill kept the request back")) {
      try await gateway(failingAt: "provider.before", bench).authorize(request, within: .seconds(3))
    }
    let lookup = LookupRequest(operation: request.operation, kind: .authorize)
    #expect(try await bench.simulator.lookup(lookup, within: .seconds(3)) == nil)
    await #expect(throws: GatewayError.timedOut) {
      try await gateway(failingAt: "provider.after", bench).authorize(request, within: .seconds(3))
    }
    let known = try await gateway(failingAt: nil, bench).lookup(lookup, within: .seconds(3))
    guard case .succeeded = known else {
      Issue.record("the provider says \(String(describing: known))")
      return
    }
  }
}
