import EventLoops
import HTTPMessages
import TestSupport
import Testing

@testable import HTTPClient

@Suite("ClientTLS", .timeLimit(.minutes(1)))
struct ClientTLSTests {
  func request(to server: PrivateTLSServer, host: String) -> HTTPRequest {
    var request = HTTPRequest(.get, "/")
    request.authority = "\(host):\(server.port)"
    request.isSecure = true
    request.timeout = .seconds(20)
    return request
  }

  func client(_ configure: (inout ClientTLS) -> Void) -> CurlClient {
    var tls = ClientTLS()
    configure(&tls)
    var limits = ClientLimits()
    limits.connectTimeout = .seconds(20)
    return CurlClient(group: tlsLoop, limits: limits, tls: tls)
  }

  @Test("a server is believed only with a certificate of a known authority, for its own name")
  func trust() async throws {
    let server = try PrivateTLSServer(name: "shop.test")
    defer { withExtendedLifetime(server) {} }
    let known = client { $0.authorityFile = server.certificateFile }
    let untrusted: [(CurlClient, String)] = [
      // The system's authorities do not know it.
      (client { _ in }, "127.0.0.1"),
      // The certificate is for another name.
      (known, "localhost"),
      (client { $0 = .init(file: server.certificateFile, name: "other.test") }, "127.0.0.1"),
    ]
    for (client, host) in untrusted {
      let error = await #expect(throws: HTTPClientError.self) {
        try await client.handle(request(to: server, host: host))
      }
      guard case .untrusted = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
    let named = client { $0 = .init(file: server.certificateFile, name: "shop.test") }
    #expect(
      try await named.handle(request(to: server, host: "127.0.0.1")).status.code == 200)
    let credulous = client { $0.verifies = false }
    #expect(
      try await credulous.handle(request(to: server, host: "127.0.0.1")).status.code == 200)
  }
}

extension ClientTLS {
  fileprivate init(file: String, name: String) {
    self.init()
    authorityFile = file
    serverName = name
  }
}
