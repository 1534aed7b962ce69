import HTTPMessages
import ServiceKit
import SharedKernel
import Testing

@testable import Notifications

@Suite("Webhook addresses and signatures")
struct WebhookEndpointTests {
  private let strict = WebhookURL.Rules(
    allowsPrivate: false, isPrivateAddress: { PeerAddress($0)?.isPublic == false })

  @Test("an https address is taken apart as it will be posted to")
  func parts() throws {
    let plain = try WebhookURL("https://example.org", rules: strict)
    #expect(plain.authority == "example.org")
    #expect(plain.target == "/")
    #expect(plain.isSecure)
    let full = try WebhookURL("https://Example.org:8443/a%20b/c?d=e&f", rules: strict)
    #expect(full.authority == "Example.org:8443")
    #expect(full.target == "/a%20b/c?d=e&f")
  }

  @Test(
    "what is no https address of the public internet is refused",
    arguments: [
      "", "example.org", "http://example.org/", "ftp://example.org/", "https://", "https:///x",
      "https://user@example.org/", "https://user:pass@example.org/", "https://example.org/#top",
      "https://example.org:0/", "https://example.org:99999/", "https://example.org/a b",
      "https://localhost/", "https://LOCALHOST:8443/x", "https://shop.localhost/",
      "https://127.0.0.1/", "https://10.1.2.3/", "https://192.168.0.1/", "https://172.16.0.1/",
      "https://169.254.169.254/latest/meta-data", "https://0.0.0.0/", "https://[::1]/",
      "https://[fe80::1]/", "https://[fd00::1]/", "https://[::ffff:127.0.0.1]/",
      "https://example.org/\(String(repeating: "x", count: 2048))",
    ])
  func refused(url: String) {
    #expect(throws: ValidationFailure.self) { try WebhookURL(url, rules: strict) }
  }

  @Test("where the settings allow it, addresses of this machine may be used, without TLS too")
  func development() throws {
    let rules = NotificationsBench.rules
    #expect(try WebhookURL("http://127.0.0.1:9000/x", rules: rules).authority == "127.0.0.1:9000")
    #expect(try WebhookURL("https://[::1]/", rules: rules).authority == "[::1]")
    #expect(throws: ValidationFailure.self) { try WebhookURL("ftp://127.0.0.1/", rules: rules) }
  }

  @Test("a draft tells every fault at once")
  func draft() {
    let error = #expect(throws: ValidationFailure.self) {
      try WebhookDraft(
        url: "nonsense", types: ["order.confirmed", "order.eaten", "order.confirmed"],
        description: String(repeating: "x", count: 501), state: .enabled, rules: strict)
    }
    #expect(
      Set(error?.faults.map(\.pointer) ?? []) == ["/url", "/types", "/types/1", "/description"])
    #expect(throws: ValidationFailure.self) {
      try WebhookDraft(
        url: "https://example.org/", types: [], description: "", state: .enabled, rules: strict)
    }
  }

  /// The expected value is by Python's hmac.
  @Test("a delivery is signed as Standard Webhooks says, by each secret")
  func signature() throws {
    let secret = try #require(WebhookSecret("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="))
    #expect(secret.bytes == Array(0..<32))
    #expect(WebhookSecret(bytes: secret.bytes).text.hasPrefix("whsec_"))
    let id = try #require(UUID128("01900000-0000-7000-8000-000000000001"))
    let signature = WebhookSignature(
      id: id, at: Timestamp(microseconds: 1_614_265_330_500_000), body: #"{"test":2432232314}"#,
      secrets: [secret, WebhookSecret(bytes: [1])], hmac: { hmacSHA256($0, key: $1) })
    #expect(signature.id == "01900000-0000-7000-8000-000000000001")
    #expect(signature.timestamp == "1614265330")
    let signatures = signature.signatures.split(separator: " ")
    #expect(signatures.count == 2)
    #expect(signatures[0] == "v1,D5jusaitvbNSmPKf5IQIGwkhbue49JgpgIqX1jE09GQ=")
    for text in ["", "whsec_", "whsec_!", "AAEC"] { #expect(WebhookSecret(text) == nil) }
  }
}
