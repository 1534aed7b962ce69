/// A value that can be read from one column of a row.
package protocol SQLDecodable {
  /// - Throws: `.null` or `.type` if the cell holds no such value.
  static func decode(_ cell: SQLCell) throws(SQLCellFault) -> Self
}

/// One cell of a result, in PostgreSQL's binary format. Lent: good only during `decode`.
package struct SQLCell {
  /// nil is NULL.
  package let bytes: UnsafeRawBufferPointer?
  package let type: SQLType

  package init(bytes: UnsafeRawBufferPointer?, type: SQLType) {
    self.bytes = bytes
    self.type = type
  }

  /// The bytes of a cell that may not be NULL.
  ///
  /// - Throws: `.null`
  package var present: UnsafeRawBufferPointer {
    get throws(SQLCellFault) {
      guard let bytes else { throw .null }
      return bytes
    }
  }

  /// The bytes of a text that may not be NULL.
  ///
  /// - Throws: `.null` or `.type`
  var textBytes: UnsafeRawBufferPointer {
    get throws(SQLCellFault) {
      guard type == .text else { throw .type(type) }
      return try present
    }
  }
}

/// Why a cell could not be read.
package enum SQLCellFault: Error {
  /// NULL, where a value was expected.
  case null
  /// The column's type is not one that this Swift type reads.
  case type(SQLType)
  /// The bytes are none of the type's.
  case malformed
  /// A value that the Swift type does not accept, such as an unknown enum label.
  case unacceptable
  /// The row has no such column.
  case noColumn
}

extension Optional: SQLDecodable where Wrapped: SQLDecodable {
  package static func decode(_ cell: SQLCell) throws(SQLCellFault) -> Wrapped? {
    if cell.bytes == nil { return nil }
    return try Wrapped.decode(cell)
  }
}

extension SQLDecodable where Self: RawRepresentable, RawValue: SQLDecodable {
  package static func decode(_ cell: SQLCell) throws(SQLCellFault) -> Self {
    guard let value = Self(rawValue: try RawValue.decode(cell)) else { throw .unacceptable }
    return value
  }
}
