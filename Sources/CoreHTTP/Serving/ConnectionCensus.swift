import Glibc
import Synchronization

/// Counts the connections of all loops against their common limit.
final class ConnectionCensus: Sendable {
  private let present = Atomic<Int>(0)
  private let max: Int

  /// At most four fifths of the descriptors this process may open.
  init(max: Int) {
    var descriptors = rlimit()
    let known = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &descriptors) == 0
    self.max = known ? min(max, Int(clamping: descriptors.rlim_cur / 5 * 4)) : max
  }

  var count: Int { present.load(ordering: .relaxed) }

  /// - Returns: whether there is room; if so, `leave` is due in the end.
  func enter() -> Bool {
    if present.wrappingAdd(1, ordering: .relaxed).newValue <= max { return true }
    leave()
    return false
  }

  func leave() {
    present.wrappingSubtract(1, ordering: .relaxed)
  }
}
