/// Bytes that wait, in order: for the socket to take them, or to be parsed. Taking from the front moves
/// bytes only when more than half of the buffer has gone: work linear in bytes, however small the
/// portions.
struct ByteQueue {
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

  /// Hands everything over.
  mutating func take() -> ByteQueue {
    var taken = ByteQueue()
    swap(&taken, &self)
    return taken
  }

  var span: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { bytes.span.extracting(start...) }
  }

  func withBytes<Value>(_ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
    bytes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[start...])) }
  }
}
