import Synchronization

/// Random numbers for jitter and for choosing endpoints: SplitMix64 over one atomic word, so that it
/// is shared without a lock and replays exactly from a seed. Not for secrets.
package final class RandomSource: Sendable {
  private let state: Atomic<UInt64>

  /// The same seed gives the same numbers in the same order of calls.
  package init(seed: UInt64) {
    state = Atomic(seed)
  }

  /// A source that starts from the system's entropy.
  package convenience init() {
    var system = SystemRandomNumberGenerator()
    self.init(seed: system.next())
  }

  package func next() -> UInt64 {
    var mixed = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number from 0 through `max`; 0 when `max` is negative.
  package func number(upTo max: Int64) -> Int64 {
    guard max > 0 else { return 0 }
    // The high half of a 128-bit product: one multiplication, bias below 2^-32 for what we draw.
    return Int64(next().multipliedFullWidth(by: UInt64(max) + 1).high)
  }
}
