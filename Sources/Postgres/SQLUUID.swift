/// A uuid as two halves, most significant first.
package struct SQLUUID: Hashable, Sendable {
  package let high: UInt64
  package let low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
}

extension SQLUUID: SQLEncodable, SQLDecodable, SQLArrayElement {
  package static var sqlType: SQLType { .uuid }
  package static var sqlArrayType: SQLType { .uuidArray }

  package func encode(into bytes: inout [UInt8]) {
    high.appendBigEndian(to: &bytes)
    low.appendBigEndian(to: &bytes)
  }

  package static func decode(_ cell: SQLCell) throws(SQLCellFault) -> SQLUUID {
    let bytes = try cell.present
    guard cell.type == .uuid, bytes.count == 16 else { throw .type(cell.type) }
    return SQLUUID(
      high: UInt64(bigEndianAt: 0, in: bytes), low: UInt64(bigEndianAt: 8, in: bytes))
  }
}
