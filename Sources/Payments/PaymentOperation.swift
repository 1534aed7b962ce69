import SharedKernel

typealias OperationID = ID<PaymentOperation>

/// One thing the provider is asked to do for a payment. Its id is the provider's idempotency key, so
/// that asking again does nothing twice.
struct PaymentOperation: Hashable, Sendable {
  enum Kind: String, Codable, Sendable {
    case authorize, capture, void, refund
  }

  enum State: String, Codable, Sendable {
    /// Asked or about to be asked; the outcome is not known.
    case pending
    /// An authorisation that waits for the customer.
    case waiting
    case succeeded, failed
  }

  let id: OperationID
  let kind: Kind
  /// Minor units of the payment's currency.
  let amount: Int64
  private(set) var state: State
  /// What the customer pays with; forgotten at the outcome.
  private(set) var token: String?
  /// The provider's own name for it.
  private(set) var providerReference: String?
  /// Why the provider refused.
  private(set) var declineCode: String?
  /// How often the recovery worker took it.
  let attempts: Int
  let createdAt: Timestamp
  /// Of what staff began: tells a repeated request from another.
  let requestHash: [UInt8]?
  /// Why staff began it.
  let reason: String?

  init(
    id: OperationID, kind: Kind, amount: Int64, state: State = .pending, token: String? = nil,
    providerReference: String? = nil, declineCode: String? = nil, attempts: Int = 0,
    createdAt: Timestamp, requestHash: [UInt8]? = nil, reason: String? = nil
  ) {
    self.id = id
    self.kind = kind
    self.amount = amount
    self.state = state
    self.token = token
    self.providerReference = providerReference
    self.declineCode = declineCode
    self.attempts = attempts
    self.createdAt = createdAt
    self.requestHash = requestHash
    self.reason = reason
  }

  /// Without an outcome yet.
  var isOpen: Bool { state == .pending || state == .waiting }

  mutating func succeed(reference: String) {
    state = .succeeded
    providerReference = reference
    token = nil
  }

  mutating func fail(code: String, reference: String?) {
    state = .failed
    declineCode = code
    providerReference = reference ?? providerReference
    token = nil
  }

  mutating func wait(reference: String) {
    state = .waiting
    providerReference = reference
  }

  mutating func note(reference: String) {
    providerReference = reference
  }
}

extension OperationID {
  /// The operation that a key of staff names: the same for the same key, so that it is begun once.
  ///
  /// - Parameter digest: keyed hash of the principal and the key, 16 bytes or more. A version 8 UUID.
  static func named(by digest: [UInt8]) -> OperationID {
    let high = digest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let low = digest.dropFirst(8).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return OperationID(
      UUID128(
        high: high & ~0xF000 | 0x8000,
        low: low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000))
  }

  /// The id of the `attempt`th operation by which a payment is undone: the same whoever makes it, so
  /// that two that cancel at once make one. A version 8 UUID (RFC 9562 section 5.8).
  static func undoing(_ payment: PaymentID, attempt: Int) -> OperationID {
    let step = UInt64(attempt) &* 0x9E37_79B9_7F4A_7C15
    let high = scrambled(payment.uuid.high ^ step) ^ scrambled(payment.uuid.low)
    let low = scrambled(payment.uuid.low &+ step) ^ scrambled(payment.uuid.high &+ high)
    return OperationID(
      UUID128(
        high: high & ~0xF000 | 0x8000,
        low: low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000))
  }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit moves every output bit.
private func scrambled(_ value: UInt64) -> UInt64 {
  var mixed = value
  mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
  mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
  return mixed ^ (mixed >> 31)
}
