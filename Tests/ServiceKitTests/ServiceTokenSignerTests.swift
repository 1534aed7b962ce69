import ServiceKit
import SharedKernel
import Testing

@Suite("Tokens of services")
struct ServiceTokenSignerTests {
  let clock = StandingClock()
  let key = SigningKey.generate()

  var signer: ServiceTokenSigner {
    ServiceTokenSigner(
      keys: ServiceKeys(service: "order-service", signingKey: key, peers: [:]),
      now: { [clock] in clock.now })
  }

  @Test("a token is used again until twenty seconds before its end")
  func reuse() async throws {
    let signer = signer
    let first = try await signer.token(for: "payment-service")
    clock.advance(by: .milliseconds(39_999))
    #expect(signer.cachedToken(for: "payment-service") == first)
    #expect(try await signer.token(for: "payment-service") == first)
    clock.advance(by: .milliseconds(1))
    #expect(signer.cachedToken(for: "payment-service") == nil)
    #expect(try await signer.token(for: "payment-service") != first)
  }

  @Test("each audience has its own token")
  func audiences() async throws {
    let signer = signer
    let payment = try await signer.token(for: "payment-service")
    let user = try await signer.token(for: "user-service")
    #expect(payment != user)
    #expect(signer.cachedToken(for: "payment-service") == payment)
    let verifier = TokenVerifier(
      keys: ServiceKeys(
        service: "user-service", signingKey: .generate(),
        peers: ["order-service": [key.verifyingKey]]),
      now: { [clock] in clock.now }, userKeySet: { [] })
    #expect(try await verifier.verify(user) == .service("order-service"))
    await #expect(throws: AuthenticationFailure.wrongAudience) {
      try await verifier.verify(payment)
    }
  }
}
