import Testing

/// SplitMix64: the same seed, the same case.
struct SeededRNG: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int.random(in: elements.indices, using: &self)]
  }

  mutating func int(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

  mutating func chance(_ percent: Int) -> Bool { int(1...100) <= percent }
}

/// Checks that no generated case fails; reports the smallest failing one that removing steps finds.
///
/// - Parameters:
///   - generate: makes the steps of one case.
///   - fault: runs the steps from the start; what went wrong, or nil.
func expectNoFault<Step>(
  cases: Int = 300, generate: (inout SeededRNG) -> [Step],
  fault: (_ steps: [Step], _ seed: UInt64) -> String?, location: SourceLocation = #_sourceLocation
) {
  for seed in 1...UInt64(cases) {
    var random = SeededRNG(seed: seed)
    let steps = generate(&random)
    guard let found = fault(steps, seed) else { continue }
    let small = shrunk(steps) { fault($0, seed) != nil }
    let list = small.map { "\($0)" }.joined(separator: "\n  ")
    Issue.record(
      "seed \(seed): \(fault(small, seed) ?? found)\nsteps:\n  \(list)", sourceLocation: location)
    return
  }
}

/// Removes ever smaller pieces while the case still fails.
private func shrunk<Step>(_ steps: [Step], _ fails: ([Step]) -> Bool) -> [Step] {
  var steps = steps
  var piece = max(1, steps.count / 2)
  while true {
    var start = 0
    while start < steps.count {
      var fewer = steps
      fewer.removeSubrange(start..<min(start + piece, steps.count))
      if fails(fewer) { steps = fewer } else { start += piece }
    }
    if piece == 1 { return steps }
    piece /= 2
  }
}
