import HTTPMessages

/// What a client says about content codings (RFC 9110 section 12.5.3).
struct AcceptEncoding {
  /// nil: not named, nor covered by `*`.
  private var gzip: Double?
  private var identity: Double?
  private var other: Double?

  init(_ fields: HTTPFields) {
    for value in fields.values(.acceptEncoding) {
      for element in value.split(separator: ",") { read(element) }
    }
  }

  /// gzip is welcome, and no less so than the answer as it is.
  var prefersGzip: Bool {
    guard let gzip = gzip ?? other, gzip > 0 else { return false }
    return gzip >= identity ?? 0
  }

  private mutating func read(_ element: Substring) {
    let parts = element.split(separator: ";", omittingEmptySubsequences: false).map(\.trimmed)
    guard let coding = parts.first?.lowercased(), let weight = Self.weight(parts.dropFirst())
    else { return }
    switch coding {
    case "gzip", "x-gzip": gzip = weight
    case "identity": identity = weight
    case "*": other = weight
    default: break
    }
  }

  /// A qvalue (RFC 9110 section 12.4.2): `0` to `1` with at most three digits behind the point.
  ///
  /// - Returns: 1 without one; nil for what is none, whose coding is then passed over.
  private static func weight(_ parameters: ArraySlice<String>) -> Double? {
    guard let parameter = parameters.first else { return 1 }
    guard parameters.count == 1, parameter.lowercased().hasPrefix("q=") else { return nil }
    let text = parameter.dropFirst(2)
    let digits = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard digits[0] == "0" || digits[0] == "1", digits.count == 1 || digits[1].utf8.count <= 3,
      digits.dropFirst().allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      let weight = Double(digits[0] + "." + (digits.count == 2 ? digits[1] : "") + "0"), weight <= 1
    else { return nil }
    return weight
  }
}
