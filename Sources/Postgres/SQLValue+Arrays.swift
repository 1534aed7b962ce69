/// A type whose arrays can be bound and read. Elements are never NULL, arrays have one dimension.
package protocol SQLArrayElement {
  static var sqlArrayType: SQLType { get }
  static func encodeArray(_ values: [Self], into bytes: inout [UInt8])
  static func decodeArray(_ cell: SQLCell) throws(SQLCellFault) -> [Self]
}

extension Array: SQLEncodable where Element: SQLArrayElement {
  package static var sqlType: SQLType { Element.sqlArrayType }

  package func encode(into bytes: inout [UInt8]) {
    Element.encodeArray(self, into: &bytes)
  }
}

extension Array where Element: SQLArrayElement {
  /// The same set in ten elements or more, for `= ANY`: the first one stands in it several times.
  ///
  /// PostgreSQL's plan for any values assumes arrays of ten, and is kept only if it costs no more than plans
  /// for the very arrays that come. With shorter ones a statement is planned at each call, which takes several
  /// times as long as running it.
  package var tenOrMore: [Element] {
    first.map { self + Array(repeating: $0, count: Swift.max(0, 10 - count)) } ?? self
  }
}

extension Array: SQLDecodable where Element: SQLArrayElement {
  package static func decode(_ cell: SQLCell) throws(SQLCellFault) -> [Element] {
    try Element.decodeArray(cell)
  }
}

/// An array of bytes is a bytea.
extension UInt8: SQLArrayElement {
  package static var sqlArrayType: SQLType { .bytea }

  package static func encodeArray(_ values: [UInt8], into bytes: inout [UInt8]) {
    bytes.append(contentsOf: values)
  }

  package static func decodeArray(_ cell: SQLCell) throws(SQLCellFault) -> [UInt8] {
    let bytes = try cell.present
    guard cell.type == .bytea else { throw .type(cell.type) }
    return Array(bytes)
  }
}

extension SQLArrayElement where Self: RawRepresentable, RawValue: SQLArrayElement {
  package static var sqlArrayType: SQLType { RawValue.sqlArrayType }
}

/// The format of `array_send`: dimensions, a flag for NULLs, the elements' type; for each
/// dimension its size and lower bound; then each element as its length and its bytes.
extension SQLArrayElement where Self: SQLEncodable & SQLDecodable {
  package static func encodeArray(_ values: [Self], into bytes: inout [UInt8]) {
    Int32(values.isEmpty ? 0 : 1).appendBigEndian(to: &bytes)
    Int32(0).appendBigEndian(to: &bytes)
    sqlType.oid.appendBigEndian(to: &bytes)
    if values.isEmpty { return }
    Int32(values.count).appendBigEndian(to: &bytes)
    Int32(1).appendBigEndian(to: &bytes)
    for value in values { value.encodeWithLength(into: &bytes) }
  }

  package static func decodeArray(_ cell: SQLCell) throws(SQLCellFault) -> [Self] {
    var values: [Self] = []
    try forEachElement(of: cell) { element throws(SQLCellFault) in
      values.append(try decode(element))
    }
    return values
  }

  /// Lends each element of an array's cell as a cell of its own.
  static func forEachElement(
    of cell: SQLCell, _ body: (SQLCell) throws(SQLCellFault) -> Void
  ) throws(SQLCellFault) {
    let bytes = try cell.present
    guard bytes.count >= 12 else { throw .malformed }
    let dimensions = Int32(bigEndianAt: 0, in: bytes)
    if dimensions == 0 { return }
    guard dimensions == 1, bytes.count >= 20 else { throw .malformed }
    let element = SQLType(oid: UInt32(bigEndianAt: 8, in: bytes))
    let count = Int(Int32(bigEndianAt: 12, in: bytes))
    // Each element takes at least its length's four bytes.
    guard count >= 0, count <= (bytes.count - 20) / 4 else { throw .malformed }
    var position = 20
    for _ in 0..<count {
      guard position + 4 <= bytes.count else { throw .malformed }
      let length = Int(Int32(bigEndianAt: position, in: bytes))
      position += 4
      guard length >= 0 else { throw .null }
      guard length <= bytes.count - position else { throw .malformed }
      let part = UnsafeRawBufferPointer(rebasing: bytes[position..<position + length])
      try body(SQLCell(bytes: part, type: element))
      position += length
    }
  }
}
