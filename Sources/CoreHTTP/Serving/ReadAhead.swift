/// Bytes that were received and are not done with yet; used up from the front without moving the rest.
struct ReadAhead {
  private var bytes: [UInt8] = []
  /// The first byte that is not used up.
  private var start = 0

  var count: Int { bytes.count - start }
  var isEmpty: Bool { bytes.count == start }

  /// What is not used up.
  var span: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { bytes.span.extracting(start...) }
  }

  mutating func append(_ more: UnsafeBufferPointer<UInt8>) {
    removeUsed()
    bytes.append(contentsOf: more)
  }

  /// Uses up the first `count` bytes.
  mutating func consume(_ count: Int) {
    start += count
    if isEmpty { removeAll() }
  }

  mutating func removeAll() {
    bytes = []
    start = 0
  }

  /// Hands everything over.
  mutating func take() -> ReadAhead {
    var taken = ReadAhead()
    swap(&taken, &self)
    return taken
  }

  private mutating func removeUsed() {
    guard start > 0 else { return }
    bytes.removeFirst(start)
    start = 0
  }
}
