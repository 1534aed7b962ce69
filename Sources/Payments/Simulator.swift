/// The tokens that the provider simulator knows, one for each way a payment can go.
enum SimulatorToken: String, CaseIterable, Sendable {
  case ok = "tok_ok"
  case insufficientFunds = "tok_insufficient_funds"
  case stolenCard = "tok_stolen_card"
  case requiresAction = "tok_requires_action"
  case slowOK = "tok_slow_ok"
  case timeoutThenOK = "tok_timeout_then_ok"
  case errorTwiceThenOK = "tok_error_twice_then_ok"
  case captureFails = "tok_capture_fails"
  case refundPending = "tok_refund_pending"

  /// What happens with it, for people.
  var summary: String {
    switch self {
    case .ok: "authorised, captured and refunded at once"
    case .insufficientFunds: "declined: insufficient_funds"
    case .stolenCard: "declined: stolen_card"
    case .requiresAction: "waits for the customer: POST /payments/{id}/confirm"
    case .slowOK: "authorised, but the answer takes its time"
    case .timeoutThenOK: "authorised, but the first answer is lost"
    case .errorTwiceThenOK: "fails twice without effect, then is authorised"
    case .captureFails: "authorised, but every capture is declined: capture_failed"
    case .refundPending: "a refund is accepted at once and done later"
    }
  }
}

/// How long the simulator takes where it takes time.
struct SimulatorDelays: Hashable, Sendable {
  /// The answer of `tok_slow_ok`.
  var slow: Duration = .seconds(8)
  /// The outcome of a refund of `tok_refund_pending`.
  var refund: Duration = .seconds(10)
}

/// What the simulator makes of one request: decided once for each idempotency key.
struct SimulatorVerdict: Hashable, Sendable {
  enum Outcome: String, Codable, Sendable {
    /// Nothing was done; the same key may be sent again.
    case failing
    case succeeded
    case requiresAction = "requires_action"
    case pending
    case declined
  }

  let outcome: Outcome
  var declineCode: String?
  /// How long after the request the answer, or a pending outcome, is there.
  var readyAfter: Duration = .zero

  /// - Parameters:
  ///   - token: what the payment was authorised with.
  ///   - attempt: how often this key was sent, 1 the first time.
  init(
    _ kind: PaymentOperation.Kind, token: String, attempt: Int, delays: SimulatorDelays
  ) {
    switch (kind, SimulatorToken(rawValue: token)) {
    case (_, nil): self.init(.declined, "unknown_token")
    case (.authorize, .insufficientFunds): self.init(.declined, "insufficient_funds")
    case (.authorize, .stolenCard): self.init(.declined, "stolen_card")
    case (.authorize, .requiresAction): self.init(.requiresAction)
    case (.authorize, .slowOK): self.init(.succeeded, readyAfter: delays.slow)
    case (.authorize, .errorTwiceThenOK): self.init(attempt > 2 ? .succeeded : .failing)
    case (.capture, .captureFails): self.init(.declined, "capture_failed")
    case (.refund, .refundPending): self.init(.pending, readyAfter: delays.refund)
    case (_, _): self.init(.succeeded)
    }
  }

  private init(
    _ outcome: Outcome, _ declineCode: String? = nil, readyAfter: Duration = .zero
  ) {
    self.outcome = outcome
    self.declineCode = declineCode
    self.readyAfter = readyAfter
  }

  /// Whether the first answer to this request gets lost on its way.
  static func losesAnswer(
    _ kind: PaymentOperation.Kind, token: String, attempt: Int
  ) -> Bool {
    kind == .authorize && attempt == 1 && SimulatorToken(rawValue: token) == .timeoutThenOK
  }
}
