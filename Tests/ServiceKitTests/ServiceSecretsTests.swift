import ServiceKit
import SharedKernel
import Testing

@Suite("A service's secrets")
struct ServiceSecretsTests {
  let secrets: ServiceSecrets

  init() throws {
    secrets = try ServiceSecrets(key: [UInt8](repeating: 0x0B, count: 32))
  }

  @Test("an access token is the HMAC of kind and id")
  func accessToken() {
    // python3: hmac.new(b"\x0b"*32, b"order:7", "sha256"), base64url without padding
    #expect(
      secrets.accessToken(kind: "order", id: "7") == "NsdyI10D8yoc98Lf_kG7OYVQhWVRIf2H-uWBr1oDljM")
  }

  @Test("an access token opens only what it was made for")
  func validity() throws {
    let token = secrets.accessToken(kind: "order", id: "7")
    #expect(secrets.isValid(token, kind: "order", id: "7"))
    #expect(!secrets.isValid(token, kind: "order", id: "8"))
    #expect(!secrets.isValid(token, kind: "cart", id: "7"))
    #expect(!secrets.isValid("", kind: "order", id: "7"))
    #expect(!secrets.isValid(token + "A", kind: "order", id: "7"))
    #expect(!secrets.isValid(String(token.dropLast(2)), kind: "order", id: "7"))
    let others = try ServiceSecrets(key: [UInt8](repeating: 0x0C, count: 32))
    #expect(!others.isValid(token, kind: "order", id: "7"))
  }

  @Test("sealed bytes open for their context only, and not when changed")
  func sealing() throws {
    var sealed = try secrets.seal([1, 2, 3], context: "signing-key:a")
    #expect(try secrets.open(sealed, context: "signing-key:a") == [1, 2, 3])
    #expect(try secrets.seal([1, 2, 3], context: "signing-key:a") != sealed)
    #expect(throws: (any Error).self) { try secrets.open(sealed, context: "signing-key:b") }
    sealed[sealed.count - 1] ^= 1
    #expect(throws: (any Error).self) { try secrets.open(sealed, context: "signing-key:a") }
    #expect(throws: (any Error).self) { try secrets.open([], context: "signing-key:a") }
  }

  @Test("secrets of any length are compared")
  func comparison() {
    #expect(equalInConstantTime("abc", "abc"))
    #expect(equalInConstantTime("", ""))
    #expect(!equalInConstantTime("abc", "abd"))
    #expect(!equalInConstantTime("abc", "ab"))
  }

  @Test("a secret has 32 bytes")
  func length() {
    #expect(throws: KeyFailure.self) { try ServiceSecrets(key: [1, 2, 3]) }
  }
}
