import Resilience
import Testing

@Suite("retry budget")
struct RetryBudgetTests {
  enum Step { case call, withdraw, refund, advance(Int64) }

  static func steps(_ random: inout SeededRNG) -> [Step] {
    let (calls, withdrawals) = (random.int(5...50), random.int(5...50))
    return (0..<random.int(1...400)).map { _ in
      switch random.int(1...100) {
      case ...calls: .call
      case ...(calls + withdrawals): random.chance(15) ? .refund : .withdraw
      default: .advance(random.pick([0, 1, 9, 10, 50, 99, 100, 101, 500, 1_000, 5_000]))
      }
    }
  }

  /// Keeps a withdrawal until it is refunded.
  final class Held {
    var withdrawal: RetryBudget.Withdrawal?
    let instant: Int64

    init(_ withdrawal: consuming RetryBudget.Withdrawal, _ instant: Int64) {
      self.withdrawal = consume withdrawal
      self.instant = instant
    }
  }

  @Test(
    "in any span of the ttl that ends at a retry, retries stay within the share and the reserve")
  func inequality() {
    let millisecond: Int64 = 1_000_000
    expectNoFault(cases: 500, generate: Self.steps) { steps, seed in
      let percent = [0, 10, 20, 100, 250][Int(seed % 5)]
      let perSecond = [0, 1, 3][Int(seed % 3)]
      let ttl: Int64 = 1_000
      let budget = RetryBudget(
        RetrySettings.Budget(percent: percent, minPerSecond: perSecond, ttl: .milliseconds(ttl)))
      var now: Int64 = 0
      var calls: [Int64] = []
      var retries: [Held] = []
      for step in steps {
        let instant = MonotonicInstant(nanoseconds: now * millisecond)
        switch step {
        case .call:
          calls.append(now)
          budget.deposit(at: instant)
        case .withdraw:
          guard let withdrawal = budget.withdraw(at: instant) else { continue }
          retries.append(Held(withdrawal, now))
          let recentRetries = retries.filter { $0.instant > now - ttl }.count
          let recentCalls = calls.filter { $0 > now - ttl }.count
          if recentRetries * 100 > percent * recentCalls + perSecond * 100 {
            return "\(recentRetries) retries for \(recentCalls) calls"
          }
        case .refund:
          guard let last = retries.popLast(), let withdrawal = last.withdrawal.take() else {
            continue
          }
          let before = budget.balance(at: instant)
          budget.refund(withdrawal)
          if budget.balance(at: instant) > before + 1 { return "refunded more than was taken" }
        case .advance(let milliseconds): now += milliseconds
        }
        if budget.balance(at: instant) < 0 { return "negative balance" }
      }
      return nil
    }
  }

  func withdraws(_ budget: RetryBudget, at now: MonotonicInstant) -> Bool {
    if budget.withdraw(at: now) != nil { true } else { false }
  }

  @Test("a quiet upstream may be retried from the reserve, then one retry for five calls")
  func reserveThenShare() {
    let budget = RetryBudget(RetrySettings.Budget(percent: 20, minPerSecond: 3, ttl: .seconds(10)))
    let now = MonotonicInstant(nanoseconds: 0)
    #expect(budget.balance(at: now) == 30)
    for _ in 0..<30 { #expect(withdraws(budget, at: now)) }
    #expect(!withdraws(budget, at: now))
    for _ in 0..<4 { budget.deposit(at: now) }
    #expect(!withdraws(budget, at: now))
    budget.deposit(at: now)
    #expect(withdraws(budget, at: now))
    #expect(!withdraws(budget, at: now))
  }

  @Test("calls entitle to retries for the ttl, and no longer")
  func expiry() {
    let budget = RetryBudget(RetrySettings.Budget(percent: 100, minPerSecond: 0, ttl: .seconds(10)))
    let start = MonotonicInstant(nanoseconds: 0)
    budget.deposit(at: start)
    #expect(budget.balance(at: start + .seconds(9)) == 1)
    #expect(budget.balance(at: start + .seconds(10)) == 0)
  }

  @Test("a refund after its withdrawal was forgotten gives nothing")
  func lateRefund() {
    let budget = RetryBudget(RetrySettings.Budget(percent: 0, minPerSecond: 1, ttl: .seconds(10)))
    let start = MonotonicInstant(nanoseconds: 0)
    guard let withdrawal = budget.withdraw(at: start) else {
      Issue.record("refused")
      return
    }
    #expect(budget.balance(at: start + .seconds(11)) == 10)
    budget.refund(withdrawal)
    #expect(budget.balance(at: start + .seconds(11)) == 10)
  }
}
