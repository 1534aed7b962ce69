import Glibc

/// Bytes on their way to sockets. One for each loop, reused for every answer; grows to the largest
/// answer and shrinks back.
///
/// The present connection's bytes are the fresh ones; before them stand those of connections that have
/// had their turn.
final class OutputBuffer {
  private static let usualCapacity = 64 * 1024

  private var base = UnsafeMutablePointer<UInt8>.allocate(capacity: usualCapacity)
  private var capacity = usualCapacity
  private(set) var count = 0
  private var freshStart = 0

  deinit {
    base.deallocate()
  }

  var fresh: UnsafeBufferPointer<UInt8> { bytes(freshStart..<count) }

  func bytes(_ range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: base + range.lowerBound, count: range.count)
  }

  /// Leaves the fresh bytes where they are, to be sent later.
  ///
  /// - Returns: where that is.
  func keepFresh() -> Range<Int> {
    defer { freshStart = count }
    return freshStart..<count
  }

  func removeFresh() {
    count = freshStart
    shrinkIfEmpty()
  }

  /// Removes all but the fresh bytes.
  func removeKept() {
    let rest = count - freshStart
    base.update(from: base + freshStart, count: rest)
    count = rest
    freshStart = 0
    shrinkIfEmpty()
  }

  private func shrinkIfEmpty() {
    if count == 0, capacity > 16 * Self.usualCapacity {
      base.deallocate()
      base = .allocate(capacity: Self.usualCapacity)
      capacity = Self.usualCapacity
    }
  }

  @inline(__always)
  func append(_ source: UnsafeBufferPointer<UInt8>) {
    guard let start = source.baseAddress else { return }
    reserve(source.count)
    (base + count).update(from: start, count: source.count)
    count += source.count
  }

  func append(_ source: [UInt8]) {
    source.withUnsafeBufferPointer { append($0) }
  }

  /// Inlined, so that the copy of a text whose length the compiler knows is no call.
  @inline(__always)
  func append(_ source: StaticString) {
    append(UnsafeBufferPointer(start: source.utf8Start, count: source.utf8CodeUnitCount))
  }

  func append(_ source: Span<UInt8>) {
    source.withUnsafeBufferPointer { append($0) }
  }

  /// The number, which is not negative, in decimal digits.
  func append(decimal number: Int) {
    var digits = 1
    var rest = number
    while rest > 9 {
      rest /= 10
      digits += 1
    }
    reserve(digits)
    rest = number
    count += digits
    var place = base + count
    for _ in 0..<digits {
      place -= 1
      place.pointee = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
  }

  /// The number in hexadecimal digits.
  func append(hexadecimal number: Int) {
    for byte in String(number, radix: 16).utf8 {
      reserve(1)
      base[count] = byte
      count += 1
    }
  }

  @inline(__always)
  private func reserve(_ extra: Int) {
    if extra > capacity - count { grow(by: extra) }
  }

  @inline(never)
  private func grow(by extra: Int) {
    capacity = max(capacity * 2, count + extra)
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    larger.update(from: base, count: count)
    base.deallocate()
    base = larger
  }
}
