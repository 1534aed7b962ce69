import CEpoll
import Glibc
import HTTPMessages

/// Makes listening sockets: one for each loop, on the same port, among which the kernel deals out the
/// connections (SO_REUSEPORT).
enum Listener {
  /// What the kernel takes from a connection beyond what the client's window has room for.
  private static let kernelUnsentBytesMax: Int32 = 256 * 1024

  /// - Parameters:
  ///   - host: an IPv4 or IPv6 address, or `localhost` for 127.0.0.1.
  ///   - port: 0 for any free one.
  /// - Returns: `count` descriptors, non-blocking, and the port.
  static func open(
    _ count: Int, host: String, port: UInt16
  ) throws(HTTPServerError) -> (descriptors: [Int32], port: UInt16) {
    var address = try SocketAddress(host: host, port: port)
    if port != 0 {
      // With SO_REUSEPORT a second server of the same user would quietly take half of the requests:
      // a socket without it is refused while anyone listens.
      close(try bind(&address, sharesPort: false))
    }
    var descriptors: [Int32] = []
    do throws(HTTPServerError) {
      for _ in 0..<count {
        let descriptor = try bind(&address, sharesPort: true)
        descriptors.append(descriptor)
        if listen(descriptor, 4096) != 0 { throw .refused(call: "listen", errno: errno) }
        address.readBack(from: descriptor)
      }
    } catch {
      for descriptor in descriptors { close(descriptor) }
      throw error
    }
    return (descriptors, address.port)
  }

  private static func bind(
    _ address: inout SocketAddress, sharesPort: Bool
  ) throws(HTTPServerError) -> Int32 {
    let descriptor = socket(
      Int32(address.storage.ss_family),
      Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .refused(call: "socket", errno: errno) }
    set(SOL_SOCKET, SO_REUSEADDR, on: descriptor)
    if sharesPort { set(SOL_SOCKET, SO_REUSEPORT, on: descriptor) }
    // Accepted sockets inherit it.
    set(Int32(IPPROTO_TCP), TCP_NODELAY, on: descriptor)
    // So is this. The kernel would take megabytes for a client that never reads: memory that nobody
    // counts, and a stall that nobody sees.
    set(Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, to: kernelUnsentBytesMax, on: descriptor)
    guard address.withSockaddr({ Glibc.bind(descriptor, $0, $1) }) == 0 else {
      let reason = errno
      close(descriptor)
      switch reason {
      case EADDRINUSE: throw .addressInUse(port: address.port)
      case EACCES: throw .notPermitted(port: address.port)
      case EADDRNOTAVAIL: throw .noSuchAddress(address.peer.description)
      default: throw .refused(call: "bind", errno: reason)
      }
    }
    return descriptor
  }

  private static func set(
    _ level: Int32, _ option: Int32, to value: Int32 = 1, on descriptor: Int32
  ) {
    var value = value
    // These options cannot be refused on a socket of this kind; without them it would still serve.
    _ = setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }
}

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
