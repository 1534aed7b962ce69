package import HTTPMessages

/// Proxies whose word is taken for whom they forward: TRUSTED_PROXIES. Anybody else could write any address
/// into `X-Forwarded-For`.
package struct TrustedProxies: Sendable {
  private let networks: [Network]

  /// - Parameter list: addresses, or networks such as `10.0.0.0/8`, separated by commas.
  /// - Returns: nil if one of them is neither.
  package init?(_ list: String) {
    var networks: [Network] = []
    for part in list.split(separator: ",") {
      guard let network = Network(part.trimmed) else { return nil }
      networks.append(network)
    }
    self.networks = networks
  }

  /// None.
  package init() {
    networks = []
  }

  /// The address that a request came from: of whoever is at the other end of the connection, or, while that
  /// is a trusted proxy, of whom it names last in `X-Forwarded-For`.
  package func client(of request: HTTPRequest) -> PeerAddress? {
    guard !networks.isEmpty, var client = request.peer else { return request.peer }
    var named = request.fields.values("X-Forwarded-For").joined(separator: ",")
      .split(separator: ",").map(\.trimmed)
    while networks.contains(where: { $0.contains(client) }), let next = named.popLast() {
      guard let address = PeerAddress(next) else { break }
      client = address
    }
    return client
  }

  private struct Network {
    let bytes: [UInt8]
    let prefixBits: Int

    init?(_ text: String) {
      let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
      guard let address = parts.first.flatMap({ PeerAddress(String($0)) }) else { return nil }
      bytes = address.bytes
      guard parts.count == 2 else {
        prefixBits = bytes.count * 8
        return
      }
      guard let bits = Int(parts[1]), (0...bytes.count * 8).contains(bits) else { return nil }
      prefixBits = bits
    }

    func contains(_ address: PeerAddress) -> Bool {
      let other = address.bytes
      guard other.count == bytes.count else { return false }
      let whole = prefixBits / 8
      guard other[..<whole] == bytes[..<whole] else { return false }
      guard prefixBits % 8 > 0 else { return true }
      let mask = ~(UInt8.max >> UInt8(prefixBits % 8))
      return other[whole] & mask == bytes[whole] & mask
    }
  }
}
