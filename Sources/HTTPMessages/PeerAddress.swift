package import Glibc

/// The IPv4 or IPv6 address of whoever is at the other end, without the port. Plain numbers, so that a
/// request carries it without counting references; text only for those who ask.
package struct PeerAddress: Sendable {
  private let isV6: Bool
  /// The address's bytes as they are in memory, in the network's order; those of IPv4 are the first.
  private let words: (UInt64, UInt64)

  /// An IPv4 address as the kernel gives it.
  package init(_ address: in_addr) {
    isV6 = false
    words = (UInt64(address.s_addr), 0)
  }

  /// An IPv6 address as the kernel gives it.
  package init(_ address: in6_addr) {
    isV6 = true
    words = unsafeBitCast(address, to: (UInt64, UInt64).self)
  }

  /// - Returns: nil for an address of another family than IPv4 and IPv6.
  package init?(socketAddress: UnsafePointer<sockaddr>) {
    let bytes = UnsafeRawPointer(socketAddress)
    switch Int32(socketAddress.pointee.sa_family) {
    case AF_INET: self.init(bytes.loadUnaligned(as: sockaddr_in.self).sin_addr)
    case AF_INET6: self.init(bytes.loadUnaligned(as: sockaddr_in6.self).sin6_addr)
    default: return nil
    }
  }

  /// - Returns: nil if `text` is no address.
  package init?(_ text: String) {
    var v4 = in_addr()
    var v6 = in6_addr()
    if inet_pton(AF_INET, text, &v4) == 1 {
      self.init(v4)
    } else if inet_pton(AF_INET6, text, &v6) == 1 {
      self.init(v6)
    } else {
      return nil
    }
  }
}

extension PeerAddress {
  /// In the network's order: 4 of IPv4, 16 of IPv6.
  package var bytes: [UInt8] {
    withUnsafeBytes(of: words) { Array($0.prefix(isV6 ? 16 : 4)) }
  }
}

extension PeerAddress: CustomStringConvertible {
  package var description: String {
    String(unsafeUninitializedCapacity: Int(INET6_ADDRSTRLEN)) { text in
      text.withMemoryRebound(to: CChar.self) { text in
        var words = words
        guard let start = text.baseAddress,
          inet_ntop(isV6 ? AF_INET6 : AF_INET, &words, start, socklen_t(text.count)) != nil
        else { return 0 }
        return strlen(start)
      }
    }
  }
}
