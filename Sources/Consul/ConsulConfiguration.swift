import Glibc
package import HTTPClient
import HTTPMessages

/// Where Consul's agent is and how to speak to it: what the caller sets, else `CONSUL_HTTP_ADDR` and
/// its kin, else `http://127.0.0.1:8500`.
package struct ConsulConfiguration: Sendable {
  /// `host:port`, or `unix:` and the path of a socket: a request's authority.
  package var authority = "127.0.0.1:8500"
  /// Whether the agent is spoken to by TLS: `CONSUL_HTTP_SSL`, or an address with `https://`.
  package var isSecure = false
  /// Put before every path: empty, or `/prefix`.
  package var pathPrefix = ""
  /// For `X-Consul-Token`; a file wins over it.
  package var token: String?
  /// `CONSUL_HTTP_TOKEN_FILE`: looked into by `init`, read with the first request, again when it has
  /// changed and after a 403.
  package var tokenFile: String?
  /// `user:password` for HTTP basic authentication.
  package var basicCredentials: String?
  /// For the `CurlClient` that carries the requests.
  package var tls = ClientTLS()
  /// `CONSUL_NAMESPACE`, sent as `ns` with every request; nil leaves it to the agent.
  package var namespace: String?
  /// `CONSUL_PARTITION`, sent as `partition` with every request; nil leaves it to the agent.
  package var partition: String?

  /// The agent of this machine, at its usual port, without a token.
  package init() {}

  /// A setting that cannot be used. Secrets are not repeated in it.
  package struct BadSetting: Error, Equatable, CustomStringConvertible {
    /// The variable of the environment: `CONSUL_HTTP_ADDR`.
    package let key: String
    /// What would have been right, in words.
    package let expected: String
    package var description: String { "\(key): expected \(expected)" }
  }

  /// - Throws: `BadSetting` for the first key that cannot be used.
  package init(environment: [String: String]) throws(BadSetting) {
    func value(_ key: String) -> String? { environment[key].flatMap { $0.isEmpty ? nil : $0 } }
    func flag(_ key: String) throws(BadSetting) -> Bool? {
      switch value(key)?.lowercased() {
      case nil: nil
      case "1", "t", "true": true
      case "0", "f", "false": false
      default: throw BadSetting(key: key, expected: "true or false")
      }
    }
    if try flag("CONSUL_HTTP_SSL") == true { isSecure = true }
    if let address = value("CONSUL_HTTP_ADDR") { try setAddress(address) }
    token = value("CONSUL_HTTP_TOKEN")
    tokenFile = value("CONSUL_HTTP_TOKEN_FILE")
    // Later it may be away or empty for a moment, while somebody replaces it.
    if let tokenFile, ConsulToken.read(tokenFile) == nil {
      throw BadSetting(
        key: "CONSUL_HTTP_TOKEN_FILE", expected: "a file that can be read and has a token in it")
    }
    basicCredentials = value("CONSUL_HTTP_AUTH")
    tls.verifies = try flag("CONSUL_HTTP_SSL_VERIFY") ?? true
    tls.authorityFile = value("CONSUL_CACERT")
    tls.authorityDirectory = value("CONSUL_CAPATH")
    tls.certificateFile = value("CONSUL_CLIENT_CERT")
    tls.keyFile = value("CONSUL_CLIENT_KEY")
    tls.serverName = value("CONSUL_TLS_SERVER_NAME")
    namespace = value("CONSUL_NAMESPACE")
    partition = value("CONSUL_PARTITION")
  }

  /// Takes `host:port`, `http://…`, `https://…` with a path prefix, or `unix://path`.
  private mutating func setAddress(_ address: String) throws(BadSetting) {
    let bad = BadSetting(
      key: "CONSUL_HTTP_ADDR",
      expected: "host:port, http://host:port, https://host:port or unix://path")
    var rest = Substring(address)
    if let scheme = address.firstRange(of: "://") {
      rest = address[scheme.upperBound...]
      switch address[..<scheme.lowerBound] {
      case "http": break  // CONSUL_HTTP_SSL stands: the token would go in clear
      case "https": isSecure = true
      case "unix":
        guard !rest.isEmpty else { throw bad }
        authority = "unix:\(rest)"
        return
      default: throw bad
      }
    }
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    pathPrefix = rest[slash...] == "/" ? "" : String(rest[slash...])
    if pathPrefix.hasSuffix("/") { pathPrefix.removeLast() }
    let host = rest[..<slash]
    guard !host.isEmpty, host.utf8.allSatisfy(Self.isHostByte) else { throw bad }
    let hasPort = host.last != "]" && host.lastIndex(of: ":") != nil
    authority = hasPort ? String(host) : "\(host):8500"
  }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    PercentEncoding.isUnreserved(byte) || ":[]".utf8.contains(byte)
  }
}
