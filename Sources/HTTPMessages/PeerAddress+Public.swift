/// Whom an address belongs to, by the special-purpose registries of IANA (RFC 6890).
extension PeerAddress {
  /// Whether it is of the public internet: not this machine's, not a private network's, no group's,
  /// and no IPv6 form of an IPv4 address that is. Whoever makes calls to addresses that others
  /// chose calls no other (server-side request forgery).
  package var isPublic: Bool {
    let bytes = bytes
    return bytes.count == 4 ? Self.isPublicV4(bytes[...]) : Self.isPublicV6(bytes)
  }

  private static func isPublicV4(_ address: ArraySlice<UInt8>) -> Bool {
    let bytes = Array(address)
    switch (bytes[0], bytes[1], bytes[2]) {
    case (0, _, _), (10, _, _), (127, _, _): return false  // this network, private, loopback
    case (100, 64...127, _): return false  // shared by carriers
    case (169, 254, _): return false  // link-local; clouds' metadata
    case (172, 16...31, _), (192, 168, _): return false  // private
    case (192, 0, 0), (192, 0, 2), (198, 51, 100), (203, 0, 113): return false  // documentation
    case (192, 88, 99): return false  // 6to4 relays
    case (198, 18...19, _): return false  // benchmarks
    case (224..., _, _): return false  // groups, reserved, broadcast
    default: return true
    }
  }

  /// Of 2000::/3, which is all that is given out, without what stands for an IPv4 address or is for
  /// documentation.
  private static func isPublicV6(_ bytes: [UInt8]) -> Bool {
    if bytes.prefix(12) == [0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0] {
      return isPublicV4(bytes[12...])  // NAT64
    }
    guard bytes[0] & 0xE0 == 0x20 else { return false }
    switch (bytes[0], bytes[1], bytes[2], bytes[3]) {
    case (0x20, 0x02, _, _): return isPublicV4(bytes[2..<6])  // 6to4
    case (0x20, 0x01, 0x00...0x01, _): return false  // Teredo and other protocols' own
    case (0x20, 0x01, 0x0D, 0xB8): return false  // documentation
    case (0x3F, 0xFF, 0x00...0x0F, _): return false  // documentation
    default: return true
    }
  }
}
