/// An error made on our side of the wire: it says nothing about the upstream, so breaker, outlier
/// detection and latency averages ignore it.
package protocol LocalRejection: Error {
  /// When asking again makes sense, if that is known.
  var retryAfter: Duration? { get }
}

/// The circuit breaker did not let the call through.
@usableFromInline
package struct CallNotPermitted: LocalRejection, Equatable, CustomStringConvertible {
  package let name: String
  package let state: CircuitBreaker.State
  package let retryAfter: Duration?

  package init(name: String, state: CircuitBreaker.State, retryAfter: Duration?) {
    self.name = name
    self.state = state
    self.retryAfter = retryAfter
  }

  @usableFromInline
  package var description: String {
    let tenths = retryAfter.map { $0.nanosecondsSaturated.saturatingAdd(50_000_000) / 100_000_000 }
    let wait = tenths.map { ", the next call in \($0 / 10).\($0 % 10) s" } ?? ""
    return "the circuit to \(name) is \(state.rawValue)\(wait)"
  }
}

/// The bulkhead is full, and so is its queue, or the wait in it was too long.
package struct BulkheadFull: LocalRejection, Equatable {
  package enum Reason: String, Sendable { case queueFull, waitedTooLong }

  package let name: String
  package let reason: Reason
  package var retryAfter: Duration? { nil }

  package init(name: String, reason: Reason) {
    self.name = name
    self.reason = reason
  }
}

/// The rate limiter had no token within the permitted wait.
package struct RateLimited: LocalRejection, Equatable {
  package let name: String
  package let retryAfter: Duration?

  package init(name: String, retryAfter: Duration?) {
    self.name = name
    self.retryAfter = retryAfter
  }
}

/// The whole call's time was used up.
@usableFromInline
package struct DeadlineExceeded: LocalRejection, Equatable {
  /// Where it ran out: before or during an attempt, at the server's door, or in a queue of ours.
  @usableFromInline
  package enum Place: String, Sendable { case client, server, queue }

  package let place: Place
  package var retryAfter: Duration? { nil }

  @usableFromInline
  package init(place: Place) {
    self.place = place
  }
}

/// A transport reports its own timeout with this, or with an error classified `.attemptTimedOut`.
package struct AttemptTimedOut: OutcomeProviding, Equatable {
  package init() {}
  package var outcome: Outcome { .failure(.attemptTimedOut) }
}
