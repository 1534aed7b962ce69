/// One instance of an upstream. What is known of it survives refreshes of the list as long as all
/// three stay the same.
package struct EndpointKey: Hashable, Sendable, CustomStringConvertible {
  /// The instance's id in discovery.
  package let id: String
  package let host: String
  package let port: UInt16

  package init(id: String, host: String, port: UInt16) {
    self.id = id
    self.host = host
    self.port = port
  }

  package var description: String { authority }

  /// What a request's authority takes: an IPv6 address in brackets (RFC 3986 section 3.2.2).
  package var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
