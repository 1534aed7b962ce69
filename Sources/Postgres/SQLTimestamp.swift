/// An instant as timestamptz keeps it, counted from 1970.
package struct SQLTimestamp: Hashable, Comparable, Sendable {
  package let microsecondsSince1970: Int64

  package init(microsecondsSince1970: Int64) {
    self.microsecondsSince1970 = microsecondsSince1970
  }

  package static func < (left: SQLTimestamp, right: SQLTimestamp) -> Bool {
    left.microsecondsSince1970 < right.microsecondsSince1970
  }
}

extension SQLTimestamp: SQLEncodable, SQLDecodable, SQLArrayElement {
  package static var sqlType: SQLType { .timestamptz }
  package static var sqlArrayType: SQLType { .timestamptzArray }

  /// From 1970-01-01 to 2000-01-01, from which PostgreSQL counts.
  static let epochOffset: Int64 = 946_684_800_000_000

  package func encode(into bytes: inout [UInt8]) {
    // Wraps for the first 30 years of Int64's range, 290,000 years ago.
    (microsecondsSince1970 &- Self.epochOffset).appendBigEndian(to: &bytes)
  }

  /// - Throws: `.unacceptable` for `infinity` and `-infinity`.
  package static func decode(_ cell: SQLCell) throws(SQLCellFault) -> SQLTimestamp {
    let bytes = try cell.present
    guard cell.type == .timestamptz, bytes.count == 8 else { throw .type(cell.type) }
    let value = Int64(bigEndianAt: 0, in: bytes)
    let (sum, overflow) = value.addingReportingOverflow(epochOffset)
    guard !overflow, value != .min else { throw .unacceptable }
    return SQLTimestamp(microsecondsSince1970: sum)
  }
}
