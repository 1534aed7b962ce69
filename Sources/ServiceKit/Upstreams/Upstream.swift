package import HTTPMessages
package import JSONSyntax
package import Resilience
package import SharedKernel

/// A peer that can be called. In the running service this is an `UpstreamClient`; a contract test
/// puts the peer's own router here.
package protocol Upstream: Sendable {
  /// `payment-service`.
  var name: String { get }

  /// Sends `request` and returns whatever was answered, refusals included. An answer of 5xx that came in
  /// spite of repeating says `X-Retry-Pushback-Ms: -1`, whatever the peer said.
  ///
  /// - Throws: `UpstreamFailure` when there is no answer to be had; `CancellationError`.
  func send(_ request: HTTPRequest, options: CallOptions) async throws -> HTTPResponse
}

/// How hard a call is tried.
package struct CallOptions: Sendable {
  /// For one attempt.
  package var attemptTimeout: Duration = .seconds(2)
  /// For all attempts and the waits between them.
  package var totalTimeout: Duration = .seconds(5)
  /// nil: by the method (GET, PUT and DELETE repeat safely; POST and PATCH do not).
  package var idempotency: Idempotency?
  /// Polls are kept apart from calls: they have a circuit breaker of their own, without slow calls.
  package var isLongPoll = false

  package init() {}

  /// A call whose repetition changes nothing, a POST addressed by an id that the caller made
  /// included.
  package static func repeatable(attempt: Duration, attemptsMax: Int) -> CallOptions {
    var options = CallOptions()
    options.attemptTimeout = attempt
    options.totalTimeout = attempt * attemptsMax + .milliseconds(500)
    options.idempotency = .idempotent
    return options
  }

  static func longPoll(_ wait: Duration) -> CallOptions {
    var options = CallOptions()
    options.attemptTimeout = wait + .seconds(5)
    options.totalTimeout = options.attemptTimeout
    options.isLongPoll = true
    return options
  }
}

/// There was no answer from a peer.
package struct UpstreamFailure: RetryableFailure {
  /// What the caller is told; `cause` has the details.
  package enum Reason: Sendable {
    case unavailable, circuitOpen, deadlineExceeded
  }
  /// The peer: `payment-service`; `consul` where that is what did not answer.
  package let target: String
  /// Decides the kind of problem, and so the status: 503 or 504.
  package let reason: Reason
  /// For the log.
  package let cause: String
  /// When asking again makes sense, if that is known; nil where the call's time ran out.
  package let retryAfter: Duration?
  /// It was repeated in vain, here or further in: who is told of it should leave it at that.
  package let retriesAreSpent: Bool

  package init(
    target: String, reason: Reason, cause: String, retryAfter: Duration? = nil,
    retriesAreSpent: Bool = false
  ) {
    self.target = target
    self.reason = reason
    self.cause = cause
    self.retryAfter = retryAfter
    self.retriesAreSpent = retriesAreSpent
  }

  /// An answer of the peer's that is none to what was asked.
  package init(target: String, answer: HTTPResponse) {
    self.init(
      target: target, reason: .unavailable, cause: "it answered \(answer.status.code)",
      retryAfter: .seconds(1),
      retriesAreSpent: answer.fields[.retryPushback].map(Pushback.init(header:)) == .never)
  }

  package var kind: FailureKind {
    switch reason {
    case .unavailable: .dependencyUnavailable
    case .circuitOpen: .circuitOpen
    case .deadlineExceeded: .deadlineExceeded
    }
  }

  package var detail: String {
    switch reason {
    case .unavailable: "\(target) does not answer at the moment."
    case .circuitOpen: "\(target) is given time to recover."
    case .deadlineExceeded: "\(target) did not answer in the time that was left."
    }
  }

  package var members: [String: FailureValue] { ["target": .text(target)] }
}

extension Upstream {
  /// Sends a request without a body.
  package func call(
    _ method: HTTPMethod, _ target: String, options: CallOptions = CallOptions()
  ) async throws -> HTTPResponse {
    try await send(HTTPRequest(method, target), options: options)
  }

  /// Sends `json` as the body.
  package func call(
    _ method: HTTPMethod, _ target: String, json: some Encodable,
    options: CallOptions = CallOptions()
  ) async throws -> HTTPResponse {
    var request = HTTPRequest(method, target, body: try JSONEncoding.encode(json))
    request.fields[.contentType] = "application/json"
    return try await send(request, options: options)
  }
}

extension HTTPResponse {
  /// The kind of problem that a peer answered, if it is one of the contract's.
  package var problemKind: FailureKind? {
    guard status.code >= 400, let problem = problemBody,
      let type = problem["type"]?.textValue, type.hasPrefix(problemTypeBase)
    else { return nil }
    return FailureKind(rawValue: String(type.dropFirst(problemTypeBase.count)))
  }

  /// A refusal's body as a tree; nil when it is no JSON.
  package var problemBody: JSONValue? {
    // A body that is no JSON has no problem type: that is all the caller asks.
    try? JSONParser.parse(body)
  }

  /// Decodes the body; members that `Value` does not declare are left alone.
  package func decoded<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
    try JSONDecoding.decode(type, from: body, allowingUnknown: true)
  }
}
