/// A set of ASCII bytes, one bit for each.
struct ByteSet {
  /// Bytes 0x00 through 0x3F.
  let low: UInt64
  /// Bytes 0x40 through 0x7F.
  let high: UInt64

  @inline(__always)
  func contains(_ byte: UInt8) -> Bool {
    byte < 0x80 && ((byte < 0x40 ? low : high) >> UInt64(byte & 0x3F)) & 1 == 1
  }

  /// tchar: letters, digits and `` !#$%&'*+-.^_`|~ `` (RFC 9110 section 5.6.2).
  static let token = ByteSet(low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE)

  /// What reg-name is made of (RFC 3986 section 3.2.2): letters, digits, `-._~` and `!$&'()*+,;=`;
  /// without the `%` of escapes.
  static let registeredName = ByteSet(low: 0x2BFF_7FD2_0000_0000, high: 0x47FF_FFFE_87FF_FFFE)
}
