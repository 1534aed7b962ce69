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
}

/// Reading without a copy.
extension SQLCell {
  /// The bytes of a text, UTF-8.
  ///
  /// - Throws: `.null` or `.type`
  package var text: UnsafeBufferPointer<UInt8> {
    get throws(SQLCellFault) {
      guard type == .text else { throw .type(type) }
      return try present.bindMemory(to: UInt8.self)
    }
  }

  /// A document's text as the server keeps it: an object's members by the length of their names and then
  /// by their bytes, each once, if it is jsonb.
  ///
  /// - Throws: `.null` or `.type`
  package var json: UnsafeBufferPointer<UInt8> {
    get throws(SQLCellFault) { try JSONText.bytes(of: self).bindMemory(to: UInt8.self) }
  }

  /// Lends each element of a text array.
  ///
  /// - Throws: `.null` or `.type`
  package func forEachText(_ body: (UnsafeBufferPointer<UInt8>) -> Void) throws(SQLCellFault) {
    try String.forEachElement(of: self) { element throws(SQLCellFault) in body(try element.text) }
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
