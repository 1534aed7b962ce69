import SharedKernel
import Testing

@testable import Payments

@Suite("The ledger")
struct LedgerTests {
  @Test("every kind of booking sums to zero", arguments: [Int64(1), 999, 1_000_000_000_000])
  func sumsToZero(amount: Int64) {
    for kind in [PaymentOperation.Kind.authorize, .capture, .void, .refund] {
      let journal = Journal(kind, of: amount, operation: .new())
      #expect(journal.lines.reduce(0) { $0 + $1.amount } == 0)
      #expect(journal.lines.allSatisfy { $0.amount != 0 })
    }
  }

  /// Random commands and answers, legal or not, on several payments at once.
  @Test(
    "whatever happens, journals sum to zero and balances equal the payments' figures",
    arguments: 1...40)
  func balancesEqualFigures(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var payments = try (0..<3).map { _ in try Samples.accepted(amount: 1000) }
    for _ in 0..<120 {
      let index = Int.random(in: payments.indices, using: &random)
      act(on: &payments[index], using: &random)
      let figures = payments[index].figures
      #expect(figures.authorized <= payments[index].amount.minorUnits)
    }
    var balances = LedgerBalances()
    for journal in payments.flatMap(\.journals) {
      #expect(journal.lines.reduce(0) { $0 + $1.amount } == 0)
      balances.post(journal)
    }
    #expect(balances == LedgerBalances(of: payments.map(\.figures)))
    let booked = payments.flatMap(\.journals).map(\.operationID)
    #expect(Set(booked).count == booked.count)
    for payment in payments where payment.state == .cancelled {
      #expect(payment.figures.hold == 0 && payment.figures.refundable == 0)
    }
  }

  private func act(on payment: inout Payment, using random: inout SeededRandom) {
    let amount = Int64.random(in: 1...600, using: &random)
    switch Int.random(in: 0..<10, using: &random) {
    case 0...1:
      // A refusal is as good an outcome as any here.
      _ = try? payment.begin(.capture, id: .new(), amount: amount, now: Samples.start)
    case 2...3:
      // As above.
      _ = try? payment.begin(.refund, id: .new(), amount: amount, now: Samples.start)
    case 4 where Int.random(in: 0..<8, using: &random) == 0:
      _ = payment.cancel(now: Samples.start)
    case 5 where Int.random(in: 0..<8, using: &random) == 0:
      _ = payment.expire(now: Samples.start + .seconds(1000))
    default:
      guard let operation = payment.operations.randomElement(using: &random) else { return }
      let answers: [ProviderAnswer] = [
        .succeeded(reference: "a"), .succeeded(reference: "a"), .succeeded(reference: "a"),
        .declined(code: "no", reference: nil), .pending(reference: "a"),
        .requiresAction(reference: "a"),
      ]
      if let answer = answers.randomElement(using: &random) {
        payment.settle(operation.id, answer)
      }
    }
  }
}

/// SplitMix64, so that a failing run can be repeated by its seed.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
