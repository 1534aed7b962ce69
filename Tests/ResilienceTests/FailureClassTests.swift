import Resilience
import Testing

@Suite("classes of failure")
struct FailureClassTests {
  @Test("each class is sent again, or not, as the HTTP rules say")
  func resending() {
    // Class, for idempotent and keyed requests, for unsafe ones, for unsafe ones that are invited.
    let table: [(FailureClass, Bool, Bool, Bool)] = [
      (.connectionRefused, true, true, true), (.requestNotSent, true, true, true),
      (.maybeProcessed, true, false, false), (.attemptTimedOut, true, false, false),
      (.gatewayFailure, true, false, false), (.tooEarly, true, false, false),
      (.unavailable, true, false, true), (.throttled, true, false, true),
      (.serverError, true, false, false), (.unsupported, false, false, false),
      (.untrusted, false, false, false), (.deadlinePassed, false, false, false),
    ]
    #expect(table.count == FailureClass.allCases.count)
    for (failure, idempotent, unsafe, invited) in table {
      for idempotency in [Idempotency.safe, .idempotent, .keyed("k")] {
        #expect(failure.mayBeResent(idempotency, isInvited: false) == idempotent)
      }
      #expect(failure.mayBeResent(.unsafe, isInvited: false) == unsafe)
      #expect(failure.mayBeResent(.unsafe, isInvited: true) == invited)
    }
  }

  @Test("the breaker learns nothing from throttling, early data and broken trust")
  func verdicts() {
    for failure in FailureClass.allCases {
      let expected: FailureClass.Verdict =
        switch failure {
        case .tooEarly, .throttled, .untrusted: .ignored
        case .deadlinePassed: .failureWhenSlow
        default: .failure
        }
      #expect(failure.verdict == expected)
    }
  }

  @Test("errors without a classification may have been processed; our own say nothing")
  func errors() {
    struct Unknown: Error {}
    #expect(Outcome.of(Unknown()) == .failure(.maybeProcessed))
    #expect(Outcome.of(CancellationError()) == .ignored)
    #expect(Outcome.of(DeadlineExceeded(place: .client)) == .ignored)
    #expect(Outcome.of(AttemptTimedOut()) == .failure(.attemptTimedOut))
    #expect(Outcome.of(.success(1)) == .success)
  }
}
