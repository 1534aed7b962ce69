/// Why a server could not start.
package enum HTTPServerError: Error, Equatable {
  /// Another process (or server) listens there.
  case addressInUse(port: UInt16)
  /// A port below 1024, without the right to it.
  case notPermitted(port: UInt16)
  /// Not an IPv4 or IPv6 address of this machine.
  case noSuchAddress(String)
  /// Any other refusal of the kernel, with its `errno`.
  case refused(call: String, errno: Int32)
}
