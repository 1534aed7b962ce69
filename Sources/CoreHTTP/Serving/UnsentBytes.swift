/// What a socket has not taken yet, in order. Taking from the front moves bytes only when more than
/// half of the buffer has gone: work linear in bytes, however little the socket takes at a time.
struct UnsentBytes {
  private var bytes: [UInt8] = []
  private var start = 0

  var count: Int { bytes.count - start }
  var isEmpty: Bool { start == bytes.count }

  mutating func append(_ more: UnsafeBufferPointer<UInt8>) {
    bytes.append(contentsOf: more)
  }

  mutating func removeFirst(_ count: Int) {
    start += count
    if start == bytes.count { return removeAll() }
    if start > bytes.count / 2 {
      bytes.removeFirst(start)
      start = 0
    }
  }

  /// Empties it and frees its memory.
  mutating func removeAll() {
    bytes = []
    start = 0
  }

  func withBytes<Value>(_ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
    bytes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[start...])) }
  }
}
