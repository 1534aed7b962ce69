import Glibc

/// The first IPv4 address of this machine that is not the loopback: what a container is reached by.
/// `127.0.0.1` if there is none.
func ownAddress() -> String {
  var list: UnsafeMutablePointer<ifaddrs>?
  guard getifaddrs(&list) == 0 else { return "127.0.0.1" }
  defer { freeifaddrs(list) }
  for entry in sequence(first: list, next: { $0?.pointee.ifa_next }) {
    guard let interface = entry?.pointee else { break }
    let flags = Int32(interface.ifa_flags)
    guard let address = interface.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET),
      flags & Int32(IFF_UP) != 0, flags & Int32(IFF_LOOPBACK) == 0
    else { continue }
    var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let status = getnameinfo(
      address, socklen_t(MemoryLayout<sockaddr_in>.size), &text, socklen_t(text.count), nil, 0,
      NI_NUMERICHOST)
    if status == 0 {
      return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
  }
  return "127.0.0.1"
}
