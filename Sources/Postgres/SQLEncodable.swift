/// A value that can be bound to a statement.
///
/// Types of the shop's own conform in a line: an enum with raw values needs only the declaration
/// (`extension OrderStatus: SQLEncodable, SQLDecodable {}`), others take `SQLRepresentable`.
package protocol SQLEncodable {
  /// The parameter's type as the server is told it.
  static var sqlType: SQLType { get }

  /// Whether this is NULL; then `encode` is not called.
  var isSQLNull: Bool { get }

  /// Appends the value in PostgreSQL's binary format for `sqlType`.
  func encode(into bytes: inout [UInt8])
}

extension SQLEncodable {
  package var isSQLNull: Bool { false }

  /// Appends the value as rows and arrays hold it: its length in four bytes, -1 for NULL, and its bytes.
  func encodeWithLength(into bytes: inout [UInt8]) {
    let lengthAt = bytes.count
    Int32(-1).appendBigEndian(to: &bytes)
    if isSQLNull { return }
    encode(into: &bytes)
    let length = UInt32(bytes.count - lengthAt - 4)
    for index in 0..<4 {
      bytes[lengthAt + index] = UInt8(truncatingIfNeeded: length >> (24 - 8 * index))
    }
  }
}

extension Optional: SQLEncodable where Wrapped: SQLEncodable {
  package static var sqlType: SQLType { Wrapped.sqlType }

  package var isSQLNull: Bool {
    switch self {
    case .none: true
    case .some(let value): value.isSQLNull
    }
  }

  package func encode(into bytes: inout [UInt8]) {
    self?.encode(into: &bytes)
  }
}

extension SQLEncodable where Self: RawRepresentable, RawValue: SQLEncodable {
  package static var sqlType: SQLType { RawValue.sqlType }

  package func encode(into bytes: inout [UInt8]) {
    rawValue.encode(into: &bytes)
  }
}

/// A type that is kept in the database as another: an identifier as a uuid, an amount as an int8.
///
///     extension OrderID: SQLRepresentable {
///       var sqlValue: SQLUUID { SQLUUID(high: high, low: low) }
///       init(sqlValue: SQLUUID) { self.init(high: sqlValue.high, low: sqlValue.low) }
///     }
package protocol SQLRepresentable: SQLEncodable, SQLDecodable, SQLArrayElement {
  associatedtype SQLValue: SQLEncodable & SQLDecodable & SQLArrayElement

  var sqlValue: SQLValue { get }

  /// - Throws: anything, if the stored value is none of this type's; reported as `.decoding`.
  init(sqlValue: SQLValue) throws
}

extension SQLRepresentable {
  package static var sqlType: SQLType { SQLValue.sqlType }
  package static var sqlArrayType: SQLType { SQLValue.sqlArrayType }

  package func encode(into bytes: inout [UInt8]) {
    sqlValue.encode(into: &bytes)
  }

  package static func decode(_ cell: SQLCell) throws(SQLCellFault) -> Self {
    let value = try SQLValue.decode(cell)
    do {
      return try Self(sqlValue: value)
    } catch {
      throw .unacceptable
    }
  }
}
