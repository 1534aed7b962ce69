/// The same numbers in each run. (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
/// Generators", 2014: SplitMix64.)
struct SeededRandom: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func number(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &self) }
  mutating func isTrue() -> Bool { number(0...1) == 1 }
  mutating func pick<Value>(_ values: [Value]) -> Value { values[number(0...values.count - 1)] }

  /// Letters, and what JSON escapes or what takes several bytes.
  mutating func text(_ length: ClosedRange<Int> = 1...9) -> String {
    let pieces = [
      "a", "Z", "7", " ", "\"", "\\", "/", "\n", "\t", "\u{1}", "é", "漢", "👩‍👧", "<", "&",
    ]
    return (0..<number(length)).map { _ in pick(pieces) }.joined()
  }

  mutating func textOrNil() -> String? { isTrue() ? text() : nil }
}
