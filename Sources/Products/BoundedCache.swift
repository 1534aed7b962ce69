/// Values by key, the more recently asked for of them, in bounded memory.
///
/// They are two generations. What is asked for moves to the younger one; when that has half of the bytes, the
/// elder one is forgotten and the younger takes its place.
struct BoundedCache<Value> {
  private struct Entry {
    let value: Value
    let bytes: Int
    let end: ContinuousClock.Instant
  }

  private let bytesMax: Int
  private var younger: [Int: Entry] = [:]
  private var elder: [Int: Entry] = [:]
  private var youngerBytes = 0

  /// - Parameter bytesMax: of all values, as `insert` was told; 0 keeps nothing.
  init(bytesMax: Int) {
    self.bytesMax = bytesMax
  }

  /// How many values there are.
  var count: Int { younger.count + elder.keys.count { younger[$0] == nil } }

  mutating func value(for key: Int, at now: ContinuousClock.Instant) -> Value? {
    if let entry = younger[key] { return entry.end > now ? entry.value : nil }
    guard let entry = elder[key], entry.end > now else { return nil }
    add(entry, for: key)
    return entry.value
  }

  mutating func insert(
    _ value: Value, for key: Int, bytes: Int, until end: ContinuousClock.Instant
  ) {
    guard bytes <= bytesMax / 2 else { return }
    add(Entry(value: value, bytes: bytes, end: end), for: key)
  }

  private mutating func add(_ entry: Entry, for key: Int) {
    if youngerBytes + entry.bytes > bytesMax / 2 {
      elder = younger
      younger = [:]
      youngerBytes = 0
    }
    youngerBytes += entry.bytes
    if let old = younger.updateValue(entry, forKey: key) { youngerBytes -= old.bytes }
  }
}
