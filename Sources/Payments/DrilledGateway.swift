/// A provider on whose way a drill can make things go wrong: before it hears of a request, and after it has
/// done what was asked.
struct DrilledGateway: PaymentGateway {
  static let points = ["provider.before", "provider.after"]

  let provider: any PaymentGateway
  /// Told of each point with the operation's kind. What it throws is a request that did not arrive, or an
  /// answer that was lost.
  let pass: @Sendable (_ point: String, _ kind: String) async throws -> Void

  func authorize(
    _ request: AuthorizeRequest, within limit: Duration
  ) async throws -> ProviderAnswer {
    try await drilled("authorize") { try await provider.authorize(request, within: limit) }
  }

  func capture(
    _ request: FollowUpRequest, within limit: Duration
  ) async throws -> ProviderAnswer {
    try await drilled("capture") { try await provider.capture(request, within: limit) }
  }

  func void(_ request: FollowUpRequest, within limit: Duration) async throws -> ProviderAnswer {
    try await drilled("void") { try await provider.void(request, within: limit) }
  }

  func refund(_ request: FollowUpRequest, within limit: Duration) async throws -> ProviderAnswer {
    try await drilled("refund") { try await provider.refund(request, within: limit) }
  }

  func lookup(
    _ request: LookupRequest, within limit: Duration
  ) async throws -> ProviderAnswer? {
    try await drilled("lookup") { try await provider.lookup(request, within: limit) }
  }

  private func drilled<Answer>(
    _ kind: String, _ ask: () async throws -> Answer
  ) async throws -> Answer {
    do {
      try await pass("provider.before", kind)
    } catch {
      throw GatewayError.unavailable("a drill kept the request back")
    }
    let answer = try await ask()
    do {
      try await pass("provider.after", kind)
    } catch {
      throw GatewayError.timedOut
    }
    return answer
  }
}
