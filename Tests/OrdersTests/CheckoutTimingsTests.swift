import SharedKernel
import Testing

@testable import Orders

@Suite struct CheckoutTimingsTests {
  @Test("the backoff's range doubles up to its bound")
  func backoff() {
    let timings = CheckoutTimings()
    #expect(timings.backoff(attempts: 1, random: 1) == .seconds(1))
    #expect(timings.backoff(attempts: 2, random: 1) == .seconds(2))
    #expect(timings.backoff(attempts: 4, random: 1) == .seconds(8))
    #expect(timings.backoff(attempts: 5, random: 1) == .seconds(10))
    #expect(timings.backoff(attempts: 1_000_000, random: 1) == .seconds(10))
    #expect(timings.backoff(attempts: 3, random: 0.5) == .seconds(2))
    #expect(timings.backoff(attempts: 3, random: 0) == .zero)
  }

  @Test("a hold outlives what is done under it")
  func holds() {
    let timings = CheckoutTimings()
    #expect(timings.hold > timings.checkout)
    #expect(timings.extendedHold > timings.paymentWait + timings.afterPayment)
  }
}
