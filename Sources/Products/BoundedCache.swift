/// Bytes by key, each with something about them, the more recently asked for of them, in bounded memory.
///
/// They are two generations. What is asked for moves to the younger one; when that has half of the bytes, the
/// elder one is forgotten and the younger takes its place. A generation's bytes stand one behind the other in
/// a few large pieces: what was made together is read together, without a reference to count for each.
struct BoundedCache<About> {
  private struct Entry {
    let about: About
    let piece: Int
    let range: Range<Int>
  }

  private struct Generation {
    var entries: [Int: Entry] = [:]
    var pieces: [[UInt8]] = []
    var bytes = 0

    func lend<Value>(
      _ entry: Entry, to body: (About, UnsafeBufferPointer<UInt8>) -> Value
    ) -> Value {
      pieces[entry.piece].withUnsafeBufferPointer {
        body(entry.about, UnsafeBufferPointer(rebasing: $0[entry.range]))
      }
    }
  }

  private let bytesMax: Int
  private let pieceBytes: Int
  /// A dictionary has room for up to twice as many entries as it was made for.
  private static var overhead: Int {
    2 * (MemoryLayout<Entry>.stride + MemoryLayout<Int>.stride)
  }

  private var younger = Generation()
  private var elder = Generation()

  /// - Parameters:
  ///   - bytesMax: of all together, what is about them and their places included.
  ///   - pieceBytes: of which memory is taken; one entry's are no more than that.
  init(bytesMax: Int, pieceBytes: Int = 1 << 20) {
    self.bytesMax = bytesMax
    self.pieceBytes = pieceBytes
  }

  /// How many entries there are.
  var count: Int { younger.entries.count + elder.entries.keys.count { younger.entries[$0] == nil } }

  /// Lends what is kept for `key`.
  ///
  /// - Returns: nil if there is nothing.
  mutating func withEntry<Value>(
    _ key: Int, _ body: (About, UnsafeBufferPointer<UInt8>) -> Value
  ) -> Value? {
    if let entry = younger.entries[key] { return younger.lend(entry, to: body) }
    guard let entry = elder.entries[key] else { return nil }
    insert(Array(elder.pieces[entry.piece][entry.range]), entry.about, for: key)
    return younger.entries[key].map { younger.lend($0, to: body) }
  }

  mutating func insert(_ bytes: [UInt8], _ about: About, for key: Int) {
    let size = bytes.count + Self.overhead
    guard bytes.count <= pieceBytes, size <= bytesMax / 2 else { return }
    if younger.bytes + size > bytesMax / 2 {
      elder = younger
      younger = Generation()
    }
    if (younger.pieces.last?.count ?? pieceBytes) + bytes.count > pieceBytes {
      younger.pieces.append([])
      younger.pieces[younger.pieces.count - 1].reserveCapacity(pieceBytes)
    }
    let piece = younger.pieces.count - 1
    let start = younger.pieces[piece].count
    younger.pieces[piece] += bytes
    younger.bytes += size
    younger.entries[key] = Entry(
      about: about, piece: piece, range: start..<start + bytes.count)
  }

  /// Its bytes are given back with those of its generation.
  mutating func remove(_ key: Int) {
    younger.entries[key] = nil
    elder.entries[key] = nil
  }
}
