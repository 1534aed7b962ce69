/// How one attempt ended, in the terms that policies decide by. Other 4xx answers are successes: the
/// upstream did its work, and asking again changes nothing.
@usableFromInline
package enum Outcome: Equatable, Sendable {
  case success
  case failure(FailureClass, advice: ServerAdvice = .none)
  /// Says nothing about the upstream: cancelled, or rejected on our side.
  case ignored

  /// nil for all but failures.
  var failure: FailureClass? {
    guard case .failure(let failure, _) = self else { return nil }
    return failure
  }

  /// What is known of an attempt whose caller gave no classification of its own: values are
  /// successes, errors what they say of themselves, and unknown errors may have been processed.
  @inlinable
  package static func of<Value>(_ result: Result<Value, any Error>) -> Outcome {
    switch result {
    case .success: .success
    case .failure(let error): of(error)
    }
  }

  @usableFromInline
  package static func of(_ error: any Error) -> Outcome {
    switch error {
    case let error as any OutcomeProviding: error.outcome
    case is CancellationError, is any LocalRejection: .ignored
    default: .failure(.maybeProcessed)
    }
  }
}

/// An error that knows which outcome it is.
package protocol OutcomeProviding: Error {
  var outcome: Outcome { get }
}

/// What a failing answer said about asking again.
@usableFromInline
package struct ServerAdvice: Equatable, Sendable {
  /// From `Retry-After`; see `RetryAfter`.
  package var retryAfter: Duration?
  /// From `X-Retry-Pushback-Ms`.
  package var pushback: Pushback?
  /// Another endpoint than the one that failed is selectable, so waiting is pointless.
  package var hasOtherEndpoint: Bool
  /// The endpoint was ejected while the attempt was on its way: that it gave no answer is no news.
  package var isOfEjectedEndpoint: Bool

  @usableFromInline package static let none = ServerAdvice()

  package init(
    retryAfter: Duration? = nil, pushback: Pushback? = nil, hasOtherEndpoint: Bool = false,
    isOfEjectedEndpoint: Bool = false
  ) {
    self.retryAfter = retryAfter
    self.pushback = pushback
    self.hasOtherEndpoint = hasOtherEndpoint
    self.isOfEjectedEndpoint = isOfEjectedEndpoint
  }

  /// The upstream asked for the same request again.
  var invitesRetry: Bool {
    switch pushback {
    case .after: true
    case .never: false
    case nil: retryAfter != nil
    }
  }
}

/// The server's word on the next attempt (gRPC proposal A6), header `X-Retry-Pushback-Ms`.
package enum Pushback: Equatable, Sendable {
  /// Exactly this delay, once.
  case after(Duration)
  /// Do not ask again.
  case never

  /// Negative and unparsable values mean `.never`.
  ///
  /// - Parameter milliseconds: the header's value.
  package init(header milliseconds: String) {
    guard let value = Int64(milliseconds), value >= 0 else {
      self = .never
      return
    }
    self = .after(.milliseconds(value))
  }
}
