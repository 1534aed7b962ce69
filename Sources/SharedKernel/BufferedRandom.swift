import Glibc
import Synchronization

/// The system's random numbers (getrandom(2)), 256 bytes at a time: a system call for every number is a
/// tenth of a small request. Of the same quality, and never the same number twice.
package struct BufferedRandom: RandomNumberGenerator {
  /// What getentropy(3) gives at most.
  private static let bytesPerCall = 256
  private static let waiting = Mutex<[UInt64]>([])

  package init() {}

  package mutating func next() -> UInt64 {
    Self.waiting.withLock { waiting in
      if let word = waiting.popLast() { return word }
      let count = Self.bytesPerCall / MemoryLayout<UInt64>.size
      waiting = Array(repeating: 0, count: count)
      let given = waiting.withUnsafeMutableBytes { getentropy($0.baseAddress, $0.count) }
      precondition(given == 0, "the system gives no random numbers: errno \(errno)")
      return waiting.removeLast()
    }
  }
}
