// The binary formats are those of PostgreSQL's send and receive functions: integers and floats in
// network order, text as it is.

extension FixedWidthInteger {
  package func appendBigEndian(to bytes: inout [UInt8]) {
    // As bytes of their type: a raw buffer is appended one by one.
    withUnsafeBytes(of: bigEndian) { raw in
      raw.withMemoryRebound(to: UInt8.self) { bytes.append(contentsOf: $0) }
    }
  }

  /// Reads the integer at `offset`; the caller has checked that it is there.
  package init(bigEndianAt offset: Int, in bytes: UnsafeRawBufferPointer) {
    self.init(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Self.self))
  }

  /// Reads int2, int4 or int8, whichever the column is.
  static func decodeInteger(_ cell: SQLCell) throws(SQLCellFault) -> Self {
    let bytes = try cell.present
    let value: Int64
    switch cell.type {
    case .int8 where bytes.count == 8: value = Int64(bigEndianAt: 0, in: bytes)
    case .int4 where bytes.count == 4: value = Int64(Int32(bigEndianAt: 0, in: bytes))
    case .int2 where bytes.count == 2: value = Int64(Int16(bigEndianAt: 0, in: bytes))
    default: throw .type(cell.type)
    }
    guard let result = Self(exactly: value) else { throw .unacceptable }
    return result
  }
}

extension Int: SQLEncodable, SQLDecodable, SQLArrayElement {
  package static var sqlType: SQLType { .int8 }
  package static var sqlArrayType: SQLType { .int8Array }

  package func encode(into bytes: inout [UInt8]) {
    Int64(self).appendBigEndian(to: &bytes)
  }

  package static func decode(_ cell: SQLCell) throws(SQLCellFault) -> Int {
    try decodeInteger(cell)
  }
}

extension Int64: SQLEncodable, SQLDecodable, SQLArrayElement {
  package static var sqlType: SQLType { .int8 }
  package static var sqlArrayType: SQLType { .int8Array }

  package func encode(into bytes: inout [UInt8]) {
    appendBigEndian(to: &bytes)
  }

  package static func decode(_ cell: SQLCell) throws(SQLCellFault) -> Int64 {
    try decodeInteger(cell)
  }
}

extension Int32: SQLEncodable, SQLDecodable, SQLArrayElement {
  package static var sqlType: SQLType { .int4 }
  package static var sqlArrayType: SQLType { .int4Array }

  package func encode(into bytes: inout [UInt8]) {
    appendBigEndian(to: &bytes)
  }

  package static func decode(_ cell: SQLCell) throws(SQLCellFault) -> Int32 {
    try decodeInteger(cell)
  }
}

extension Int16: SQLEncodable, SQLDecodable, SQLArrayElement {
  package static var sqlType: SQLType { .int2 }
  package static var sqlArrayType: SQLType { .int2Array }

  package func encode(into bytes: inout [UInt8]) {
    appendBigEndian(to: &bytes)
  }

  package static func decode(_ cell: SQLCell) throws(SQLCellFault) -> Int16 {
    try decodeInteger(cell)
  }
}

extension Bool: SQLEncodable, SQLDecodable, SQLArrayElement {
  package static var sqlType: SQLType { .bool }
  package static var sqlArrayType: SQLType { .boolArray }

  package func encode(into bytes: inout [UInt8]) {
    bytes.append(self ? 1 : 0)
  }

  package static func decode(_ cell: SQLCell) throws(SQLCellFault) -> Bool {
    let bytes = try cell.present
    guard cell.type == .bool, bytes.count == 1 else { throw .type(cell.type) }
    return bytes[0] != 0
  }
}

extension Double: SQLEncodable, SQLDecodable, SQLArrayElement {
  package static var sqlType: SQLType { .float8 }
  package static var sqlArrayType: SQLType { .float8Array }

  package func encode(into bytes: inout [UInt8]) {
    bitPattern.appendBigEndian(to: &bytes)
  }

  /// Reads float8 and float4.
  package static func decode(_ cell: SQLCell) throws(SQLCellFault) -> Double {
    let bytes = try cell.present
    switch cell.type {
    case .float8 where bytes.count == 8:
      return Double(bitPattern: UInt64(bigEndianAt: 0, in: bytes))
    case .float4 where bytes.count == 4:
      return Double(Float(bitPattern: UInt32(bigEndianAt: 0, in: bytes)))
    default: throw .type(cell.type)
    }
  }
}

extension String: SQLEncodable, SQLDecodable, SQLArrayElement {
  package static var sqlType: SQLType { .text }
  package static var sqlArrayType: SQLType { .textArray }

  /// A NUL, which PostgreSQL's text cannot hold, reaches the server and is refused there (22021).
  package func encode(into bytes: inout [UInt8]) {
    bytes.append(contentsOf: utf8)
  }

  /// Reads every type whose binary form is its text: text, varchar, char, name, enums, domains of
  /// them; and json and jsonb.
  package static func decode(_ cell: SQLCell) throws(SQLCellFault) -> String {
    let bytes = try cell.present
    if cell.type == .text { return String(decoding: bytes, as: UTF8.self) }
    return try decodeTextLike(bytes, type: cell.type)
  }

  static func decodeTextLike(
    _ bytes: UnsafeRawBufferPointer, type: SQLType
  ) throws(SQLCellFault) -> String {
    switch type {
    case .jsonb: return try JSONText.decode(SQLCell(bytes: bytes, type: type)).text
    case .bool, .bytea, .int8, .int2, .int4, .float4, .float8, .timestamptz, .numeric, .uuid:
      throw .type(type)
    default:
      guard let text = String(validating: bytes, as: UTF8.self) else { throw .type(type) }
      return text
    }
  }
}
