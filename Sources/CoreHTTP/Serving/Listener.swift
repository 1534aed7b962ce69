import Glibc

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
