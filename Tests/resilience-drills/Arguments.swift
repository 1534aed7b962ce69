/// The command line: a role, then names with values.
struct Arguments {
  let role: String
  private var values: [String: String] = [:]

  /// - Returns: nil without a role, and for a name without a value.
  init?(_ words: ArraySlice<String>) {
    var words = words
    guard let role = words.popFirst() else { return nil }
    self.role = role
    while let name = words.popFirst() {
      guard name.hasPrefix("--"), let value = words.popFirst() else { return nil }
      values[String(name.dropFirst(2))] = value
    }
  }

  func text(_ name: String) -> String? { values[name] }

  /// - Throws: `Trouble` for what is no number in `range`, or absent without a standard.
  func number(_ name: String, default standard: Int? = nil, in range: ClosedRange<Int>) throws
    -> Int
  {
    guard let value = values[name].map({ Int($0) }) ?? standard, range.contains(value) else {
      throw Trouble("--\(name) takes a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }
}
