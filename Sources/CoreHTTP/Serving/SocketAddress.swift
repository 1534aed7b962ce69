import Glibc
import HTTPMessages

/// An IPv4 or IPv6 address and port as the kernel takes it.
struct SocketAddress {
  var storage = sockaddr_storage()
  var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

  /// Of unspecified family, to be filled in by the kernel.
  init() {}

  init(host: String, port: UInt16) throws(HTTPServerError) {
    var v4 = sockaddr_in()
    var v6 = sockaddr_in6()
    if inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host, &v4.sin_addr) == 1 {
      v4.sin_family = sa_family_t(AF_INET)
      v4.sin_port = port.bigEndian
      length = socklen_t(MemoryLayout<sockaddr_in>.size)
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: v4, as: sockaddr_in.self) }
    } else if inet_pton(AF_INET6, host, &v6.sin6_addr) == 1 {
      v6.sin6_family = sa_family_t(AF_INET6)
      v6.sin6_port = port.bigEndian
      length = socklen_t(MemoryLayout<sockaddr_in6>.size)
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: v6, as: sockaddr_in6.self) }
    } else {
      throw .noSuchAddress(host)
    }
  }

  private var isV6: Bool { storage.ss_family == sa_family_t(AF_INET6) }

  var port: UInt16 {
    withUnsafeBytes(of: storage) {
      // Both families keep it in the same place.
      UInt16(bigEndian: $0.load(as: sockaddr_in.self).sin_port)
    }
  }

  /// The address without the port.
  var peer: PeerAddress {
    withUnsafeBytes(of: storage) { bytes in
      isV6
        ? PeerAddress(bytes.load(as: sockaddr_in6.self).sin6_addr)
        : PeerAddress(bytes.load(as: sockaddr_in.self).sin_addr)
    }
  }

  /// Takes the address the kernel gave to a bound socket.
  mutating func readBack(from descriptor: Int32) {
    _ = withMutableSockaddr { getsockname(descriptor, $0, $1) }
  }

  mutating func withSockaddr<Value>(
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value
  ) -> Value {
    let length = length
    return withUnsafePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
  }

  mutating func withMutableSockaddr<Value>(
    _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Value
  ) -> Value {
    length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &length) }
    }
  }
}
