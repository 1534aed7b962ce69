import Glibc

/// Bytes on their way to a socket. One for each loop, reused for every answer; grows to the largest
/// answer and shrinks back.
final class OutputBuffer {
  private static let usualCapacity = 64 * 1024

  private var base = UnsafeMutablePointer<UInt8>.allocate(capacity: usualCapacity)
  private var capacity = usualCapacity
  private(set) var count = 0

  deinit {
    base.deallocate()
  }

  var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

  func removeAll() {
    count = 0
    if capacity > 16 * Self.usualCapacity {
      base.deallocate()
      base = .allocate(capacity: Self.usualCapacity)
      capacity = Self.usualCapacity
    }
  }

  func append(_ source: UnsafeBufferPointer<UInt8>) {
    guard let start = source.baseAddress else { return }
    reserve(source.count)
    (base + count).update(from: start, count: source.count)
    count += source.count
  }

  func append(_ source: [UInt8]) {
    source.withUnsafeBufferPointer { append($0) }
  }

  func append(_ source: StaticString) {
    append(UnsafeBufferPointer(start: source.utf8Start, count: source.utf8CodeUnitCount))
  }

  /// The number in decimal digits.
  func append(decimal number: Int) {
    let digitsMax = 20
    reserve(digitsMax)
    let place = base + count
    var rest = number
    var first = digitsMax
    repeat {
      first -= 1
      place[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    } while rest > 0
    place.update(from: place + first, count: digitsMax - first)
    count += digitsMax - first
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
