/// How often a rule was met and has fired: pure, so that "the third time" is the third time.
struct FaultCounter: Sendable {
  private(set) var met = 0
  private(set) var fired = 0
  private var random: UInt64

  init(_ rule: FaultRule) {
    random = rule.seed ?? 0
  }

  /// Counts one pass that matches.
  ///
  /// - Returns: whether the rule fires at it.
  mutating func meet(_ rule: FaultRule) -> Bool {
    met += 1
    let isDue =
      switch (rule.nth, rule.every) {
      case (let nth?, _): nth.contains(met)
      case (nil, let every?):
        rule.seed == nil ? met.isMultiple(of: every) : draw() % UInt64(every) == 0
      case (nil, nil): true
      }
    guard isDue, fired < rule.times ?? .max else { return false }
    fired += 1
    return true
  }

  /// The next number of SplitMix64 (Steele, Lea and Flood, 2014).
  private mutating func draw() -> UInt64 {
    random &+= 0x9e37_79b9_7f4a_7c15
    var mixed = random
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
