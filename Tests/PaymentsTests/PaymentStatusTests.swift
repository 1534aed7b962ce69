import Testing

@testable import Payments

@Suite("Payment states")
struct PaymentStatusTests {
  @Test("a final state has no successor, every other has one")
  func finalStates() {
    let final = PaymentState.allCases.filter { $0.successors.isEmpty }
    #expect(Set(final) == [.refunded, .declined, .cancelled, .expired])
  }

  @Test("cancelling leads to cancelled alone")
  func cancellingIsOneWay() {
    #expect(PaymentState.cancelling.successors == [.cancelled])
  }

  @Test("every state but the first can be reached")
  func reachable() {
    let reached = Set(PaymentState.allCases.flatMap(\.successors))
    #expect(reached == Set(PaymentState.allCases).subtracting([.created]))
  }
}
