package import JSONSyntax
package import Postgres
package import SharedKernel

/// From a row's cells to JSON with nothing in between, for answers that are asked for often. Each takes the
/// row's next column, and writes what `JSONEncoding` would of the value read from it.
extension JSONWriter {
  /// - Throws: `PostgresError.decoding` for NULL and for another type than the one named, like all of these.
  package mutating func integerColumn(_ row: inout Row) throws(PostgresError) {
    try column(&row, "integer") { json, cell throws(SQLCellFault) in
      json.integer(try Int.decode(cell))
    }
  }

  /// `true` or `false`.
  package mutating func boolColumn(_ row: inout Row) throws(PostgresError) {
    try column(&row, "boolean") { json, cell throws(SQLCellFault) in
      json.bool(try Bool.decode(cell))
    }
  }

  /// A text as a string.
  package mutating func textColumn(_ row: inout Row) throws(PostgresError) {
    try column(&row, "text") { json, cell throws(SQLCellFault) in json.text(try cell.text.span) }
  }

  /// A text as a member of an object, which is left out for NULL.
  package mutating func textMember(_ name: StaticString, _ row: inout Row) throws(PostgresError) {
    try column(&row, "text") { json, cell throws(SQLCellFault) in
      if cell.bytes == nil { return }
      json.member(name)
      json.text(try cell.text.span)
    }
  }

  /// A uuid as a string, in lower case.
  package mutating func uuidColumn(_ row: inout Row) throws(PostgresError) {
    try column(&row, "uuid") { json, cell throws(SQLCellFault) in
      json.text(UUID128(sqlValue: try SQLUUID.decode(cell)).description)
    }
  }

  /// A text array.
  package mutating func textsColumn(_ row: inout Row) throws(PostgresError) {
    try column(&row, "text array") { json, cell throws(SQLCellFault) in
      json.beginArray()
      try cell.forEachText { json.text($0.span) }
      json.endArray()
    }
  }

  /// A timestamptz as a string; see `time`.
  package mutating func timeColumn(_ row: inout Row) throws(PostgresError) {
    try column(&row, "time") { json, cell throws(SQLCellFault) in
      json.time(Timestamp(sqlValue: try SQLTimestamp.decode(cell)))
    }
  }

  /// A jsonb document, its members in the order in which the server keeps them; see `StoredMembers`.
  package mutating func jsonColumn(_ row: inout Row) throws(PostgresError) {
    try column(&row, "JSON") { json, cell throws(SQLCellFault) in
      let bytes = try cell.json
      do throws(JSONParseError) {
        var reader = JSONReader(bytes.span)
        try json.copy(&reader)
        try reader.end()
      } catch {
        throw .malformed
      }
    }
  }

  @inline(__always)
  private mutating func column(
    _ row: inout Row, _ type: StaticString,
    _ write: (inout JSONWriter, SQLCell) throws(SQLCellFault) -> Void
  ) throws(PostgresError) {
    let cell = row.nextCell()
    do throws(SQLCellFault) {
      try write(&self, cell)
    } catch {
      throw row.error(error, readAs: type)
    }
  }

  /// `"2026-11-22T10:15:30.123Z"`, as a `Timestamp` is encoded.
  package mutating func time(_ value: Timestamp) {
    value.withUTF8 { text($0) }
  }

  /// An amount and its currency, as `Money` is encoded.
  package mutating func money(_ value: Money) {
    beginObject()
    member("amount")
    integer(Int(value.minorUnits))
    member("currency")
    text(value.currency.code)
    endObject()
  }
}

/// A dictionary that is encoded in the order in which PostgreSQL's jsonb keeps an object's members: shorter
/// names first, then by their bytes. (A dictionary's own order is another one in each process.)
package struct StoredMembers: Encodable, Sendable {
  private let members: [(name: String, value: String)]

  /// - Parameter members: put in their order here, once.
  package init(_ members: [String: String]) {
    self.members = members.sorted { left, right in
      left.key.utf8.count == right.key.utf8.count
        ? left.key.utf8.lexicographicallyPrecedes(right.key.utf8)
        : left.key.utf8.count < right.key.utf8.count
    }.map { ($0.key, $0.value) }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: AnyKey.self)
    for member in members { try container.encode(member.value, forKey: AnyKey(member.name)) }
  }
}
