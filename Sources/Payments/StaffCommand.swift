import SharedKernel

/// What staff do with a payment themselves, checked.
struct StaffCommand: Hashable, Sendable {
  let kind: PaymentOperation.Kind
  /// Derived from the principal and the key of the request: the same key is the same operation.
  let id: OperationID
  /// Minor units; nil for all that is held.
  let amount: Int64?
  let reason: String?
  /// Keyed hash of the request.
  let requestHash: [UInt8]

  /// - Throws: `ValidationFailure` for an amount that is none, or a reason that is too long.
  init(
    _ kind: PaymentOperation.Kind, id: OperationID, amount: Int64?, reason: String?,
    requestHash: [UInt8]
  ) throws(ValidationFailure) {
    if let amount { try PaymentRequest.checkAmount(amount) }
    var validation = Validation()
    if let reason { validation.requireText(reason, "/reason", length: 1...200) }
    try validation.finish()
    self.kind = kind
    self.id = id
    self.amount = amount
    self.reason = reason
    self.requestHash = requestHash
  }
}
