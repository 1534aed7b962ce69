/// Bytes that libFuzzer made, and what must hold of them.
struct Input: CustomStringConvertible {
  let bytes: [UInt8]

  init(_ start: UnsafePointer<UInt8>?, _ count: Int) {
    bytes = Array(UnsafeBufferPointer(start: start, count: count))
  }

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// Ends the run with the input unless `holds`; libFuzzer then keeps it in a file.
  func require(_ holds: Bool, _ rule: @autoclosure () -> String) {
    guard holds else { fatalError("\(rule()): \(self)") }
  }

  /// The bytes in pieces of 1 to 16, which are other ones for every other input.
  var pieces: [ArraySlice<UInt8>] {
    var pieces: [ArraySlice<UInt8>] = []
    // FNV-1a over what came before decides where the next cut is.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    var start = 0
    for position in bytes.indices {
      hash = (hash ^ UInt64(bytes[position])) &* 0x0000_0100_0000_01B3
      guard hash >> 60 == 0 || position - start == 15 else { continue }
      pieces.append(bytes[start...position])
      start = position + 1
    }
    return start < bytes.count ? pieces + [bytes[start...]] : pieces
  }

  /// As a Swift literal: ASCII as it is, all else escaped.
  var description: String {
    String(bytes.map { Character(Unicode.Scalar($0)) }).unicodeScalars
      .map { $0.escaped(asASCII: true) }.joined()
  }
}
