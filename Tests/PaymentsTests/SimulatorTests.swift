import SharedKernel
import Testing

@testable import Payments

@Suite("The provider simulator")
struct SimulatorTests {
  private func outcome(
    _ kind: PaymentOperation.Kind, _ token: SimulatorToken, attempt: Int = 1
  ) -> SimulatorVerdict {
    SimulatorVerdict(
      kind, token: token.rawValue, attempt: attempt, delays: SimulatorDelays())
  }

  @Test("each token has its way of being authorised")
  func authorizes() {
    for token in [SimulatorToken.ok, .timeoutThenOK, .captureFails, .refundPending] {
      #expect(outcome(.authorize, token).outcome == .succeeded)
    }
    #expect(outcome(.authorize, .insufficientFunds).declineCode == "insufficient_funds")
    #expect(outcome(.authorize, .stolenCard).declineCode == "stolen_card")
    #expect(outcome(.authorize, .requiresAction).outcome == .requiresAction)
    #expect(outcome(.authorize, .slowOK).readyAfter == .seconds(8))
  }

  @Test("a token that is not known is declined")
  func unknownToken() {
    let verdict = SimulatorVerdict(
      .authorize, token: "tok_none", attempt: 1, delays: SimulatorDelays())
    #expect(verdict.outcome == .declined)
    #expect(verdict.declineCode == "unknown_token")
  }

  @Test("one token fails twice, then works")
  func failsTwice() {
    #expect(outcome(.authorize, .errorTwiceThenOK, attempt: 1).outcome == .failing)
    #expect(outcome(.authorize, .errorTwiceThenOK, attempt: 2).outcome == .failing)
    #expect(outcome(.authorize, .errorTwiceThenOK, attempt: 3).outcome == .succeeded)
  }

  @Test("only the first answer to one token is lost")
  func losesAnswer() {
    let token = SimulatorToken.timeoutThenOK.rawValue
    #expect(SimulatorVerdict.losesAnswer(.authorize, token: token, attempt: 1))
    #expect(!SimulatorVerdict.losesAnswer(.authorize, token: token, attempt: 2))
    #expect(!SimulatorVerdict.losesAnswer(.capture, token: token, attempt: 1))
  }

  @Test("captures and refunds succeed but for the tokens made to fail them")
  func followsUp() {
    for token in SimulatorToken.allCases {
      let expected: SimulatorVerdict.Outcome = token == .captureFails ? .declined : .succeeded
      #expect(outcome(.capture, token).outcome == expected)
      #expect(outcome(.void, token).outcome == .succeeded)
    }
    #expect(outcome(.refund, .refundPending).outcome == .pending)
    #expect(outcome(.refund, .ok).outcome == .succeeded)
  }
}
