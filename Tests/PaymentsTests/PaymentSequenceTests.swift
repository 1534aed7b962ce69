import SharedKernel
import Testing

@testable import Payments

@Suite("Any sequence of commands and answers")
struct PaymentSequenceTests {
  @Test(
    "none of them traps, puts the figures out of order or lets a version fall", arguments: 1...300)
  func keepsItsRules(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var payment = try Samples.accepted(amount: 1000)
    var now = Samples.start
    for _ in 0..<80 {
      let before = payment
      now = now + .seconds(Int.random(in: 0...30, using: &random))
      act(on: &payment, now: now, using: &random)
      let figures = payment.figures
      #expect(0 <= figures.refunded && figures.refunded <= figures.captured)
      #expect(figures.captured <= figures.authorized)
      #expect(figures.authorized <= payment.amount.minorUnits)
      if payment.state != before.state || figures != before.figures {
        #expect(payment.version > before.version)
      }
      #expect(payment.version >= before.version)
    }
    let versions = payment.events.map(\.version)
    #expect(zip(versions, versions.dropFirst()).allSatisfy(<))
  }

  private func act(
    on payment: inout Payment, now: Timestamp, using random: inout SeededRandom
  ) {
    let amount = Int64.random(in: 1...600, using: &random)
    switch Int.random(in: 0..<12, using: &random) {
    case 0:
      // A refusal is as good an outcome as any here.
      _ = try? payment.begin(.capture, id: .new(), amount: amount, now: now)
    case 1:
      // As above.
      _ = try? payment.begin(.refund, id: .new(), amount: amount, now: now)
    case 2 where Int.random(in: 0..<6, using: &random) == 0:
      _ = payment.cancel(now: now)
    case 3...5:
      _ = payment.expire(now: now)
    default:
      let answers: [ProviderAnswer] = [
        .succeeded(reference: "a"), .declined(code: "no", reference: nil),
        .pending(reference: "a"), .requiresAction(reference: "a"),
      ]
      guard let operation = payment.operations.randomElement(using: &random),
        let answer = answers.randomElement(using: &random)
      else { return }
      payment.settle(operation.id, answer)
    }
  }
}
