import SharedKernel

/// A payment provider, as far as this service needs one.
///
/// Every request carries the operation's id as idempotency key: a provider that gets it again does
/// nothing new and answers what became of it. What a function throws, whatever it is, means that the
/// outcome is unknown: the provider may have done it.
protocol PaymentGateway: Sendable {
  /// Holds the amount on what the token stands for.
  func authorize(_ request: AuthorizeRequest, within limit: Duration) async throws -> ProviderAnswer
  /// Takes part or all of what the authorisation holds. May not check that so much is held.
  func capture(_ request: FollowUpRequest, within limit: Duration) async throws -> ProviderAnswer
  /// Lets go of what the authorisation still holds; also ends one that waits for the customer.
  func void(_ request: FollowUpRequest, within limit: Duration) async throws -> ProviderAnswer
  /// Gives back part or all of what was captured. May not check that so much was captured.
  func refund(_ request: FollowUpRequest, within limit: Duration) async throws -> ProviderAnswer
  /// What became of an operation; nil if the provider never heard of it.
  func lookup(_ request: LookupRequest, within limit: Duration) async throws -> ProviderAnswer?
}

/// The bank's page of the simulated 3-D Secure. A real provider has its own, outside of this system.
protocol ChallengeDesk: Sendable {
  /// Answers for the customer; the first answer counts, later ones change nothing.
  func answerChallenge(of authorization: OperationID, approve: Bool) async throws
}

struct AuthorizeRequest: Hashable, Sendable {
  let operation: OperationID
  let amount: Money
  let token: String
}

struct FollowUpRequest: Hashable, Sendable {
  let operation: OperationID
  /// The authorisation that this follows.
  let authorization: OperationID
  /// The provider's own name for that authorisation.
  let reference: String
  let amount: Money
  /// Minor units of the authorisation that are booked as captured.
  let captured: Int64
}

struct LookupRequest: Hashable, Sendable {
  let operation: OperationID
  let kind: PaymentOperation.Kind
  /// The provider's own name for it, if it has told one.
  var reference: String?
  /// The provider's own name for the authorisation that it follows, or is.
  var authorization: String?
  /// Minor units of that authorisation that are booked as captured.
  var captured: Int64 = 0
}

/// What the provider said, for certain.
enum ProviderAnswer: Hashable, Sendable {
  case succeeded(reference: String)
  /// The customer has to act first; on a page of the provider's, if it has one.
  case requiresAction(reference: String, url: String? = nil)
  /// Accepted; the outcome comes later.
  case pending(reference: String)
  case declined(code: String, reference: String?)
}

/// Why an outcome is unknown.
enum GatewayError: Error, Hashable {
  /// No answer within the limit.
  case timedOut
  /// The provider failed to answer properly (its 5xx).
  case unavailable(String)
}
