import HTTPMessages
import Testing

@testable import ServiceKit

@Suite("Trusted proxies")
struct TrustedProxiesTests {
  @Test(
    "the client is whom the last trusted proxy names, and nobody else is believed",
    arguments: [
      ("", "192.0.2.1", "192.0.2.9", "192.0.2.1"),
      ("10.0.0.1", "192.0.2.1", "192.0.2.9", "192.0.2.1"),
      ("10.0.0.1", "10.0.0.1", "192.0.2.9", "192.0.2.9"),
      ("10.0.0.1", "10.0.0.2", "192.0.2.9", "10.0.0.2"),
      ("10.0.0.0/8", "10.1.2.3", "198.51.100.1, 192.0.2.9", "192.0.2.9"),
      ("10.0.0.0/8", "10.1.2.3", "192.0.2.9, 10.9.9.9", "192.0.2.9"),
      ("10.0.0.0/8", "10.1.2.3", "", "10.1.2.3"),
      ("10.0.0.0/8", "10.1.2.3", "192.0.2.9, unknown", "10.1.2.3"),
      ("10.0.0.0/9", "10.200.2.3", "192.0.2.9", "10.200.2.3"),
      ("10.128.0.0/9", "10.200.2.3", "192.0.2.9", "192.0.2.9"),
      ("::1, 2001:db8::/32", "2001:db8:1::2", "2001:db9::1", "2001:db9::1"),
      ("0.0.0.0/0", "10.1.2.3", "192.0.2.9", "192.0.2.9"),
    ])
  func client(trusted: String, peer: String, forwarded: String, client: String) throws {
    var request = HTTPRequest(.get, "/", fields: ["X-Forwarded-For": forwarded])
    request.peer = PeerAddress(peer)
    #expect(try #require(TrustedProxies(trusted)).client(of: request)?.description == client)
  }

  @Test(
    "what is no address and no network is refused",
    arguments: [
      "a", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "::1/129", "10.0.0.1 10.0.0.2",
    ]
  )
  func refused(text: String) {
    #expect(TrustedProxies(text) == nil)
  }
}
