import SharedKernel

extension PaymentService {
  /// Asks the provider about an operation and stores the outcome. No transaction is open while it
  /// asks.
  ///
  /// - Returns: the payment as it is then; nil if the provider's answer stayed unknown.
  /// - Throws: what the store throws; the operation is then still pending.
  func ask(_ operation: PaymentOperation, of payment: Payment) async throws -> Payment? {
    let answer: ProviderAnswer
    do {
      answer = try await providerAnswer(operation, of: payment)
    } catch {
      // Whatever went wrong, the provider may have done it: only the provider can tell.
      unanswered(operation.id, error)
      return nil
    }
    return try await store.update(payment.id) { $0.settle(operation.id, answer) }.0
  }

  private func providerAnswer(
    _ operation: PaymentOperation, of payment: Payment
  ) async throws -> ProviderAnswer {
    let limit = timings.providerWait
    let lookup = LookupRequest(
      operation: operation.id, kind: operation.kind, reference: operation.providerReference,
      authorization: payment.providerReference, captured: payment.figures.captured)
    if operation.providerReference != nil {
      // The provider has taken it and said that the outcome comes later.
      guard let answer = try await gateway.lookup(lookup, within: limit) else {
        throw GatewayError.unavailable("the provider forgot an operation that it had accepted")
      }
      return answer
    }
    guard now() < operation.createdAt + timings.keyMemory else {
      // Sent again it might be done twice. What the provider does not know never reached it.
      return try await gateway.lookup(lookup, within: limit)
        ?? .declined(code: "never_received", reference: nil)
    }
    return try await send(operation, of: payment, within: limit)
  }

  private func send(
    _ operation: PaymentOperation, of payment: Payment, within limit: Duration
  ) async throws -> ProviderAnswer {
    let amount = try Money(minorUnits: operation.amount, currency: payment.amount.currency)
    if operation.kind == .authorize {
      let request = AuthorizeRequest(
        operation: operation.id, amount: amount, token: operation.token ?? "")
      return try await gateway.authorize(request, within: limit)
    }
    guard let authorization = payment.authorization, let reference = payment.providerReference
    else { throw GatewayError.unavailable("the payment has no authorisation to follow") }
    let request = FollowUpRequest(
      operation: operation.id, authorization: authorization.id, reference: reference,
      amount: amount, captured: payment.figures.captured)
    switch operation.kind {
    case .capture: return try await gateway.capture(request, within: limit)
    case .void: return try await gateway.void(request, within: limit)
    case .refund, .authorize: return try await gateway.refund(request, within: limit)
    }
  }
}
