/// Random numbers that are the same for the same seed (Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", 2014: SplitMix64).
struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// From 0 up to 1.
  mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// One of `choices`, each as often as its weight says; `choices` is not empty.
  mutating func pick<Choice>(_ choices: [(Choice, weight: Int)]) -> Choice {
    precondition(!choices.isEmpty, "nothing to pick from")
    var left = Int(next() % UInt64(choices.reduce(0) { $0 + $1.weight }))
    for (choice, weight) in choices {
      left -= weight
      if left < 0 { return choice }
    }
    return choices[choices.count - 1].0
  }
}
