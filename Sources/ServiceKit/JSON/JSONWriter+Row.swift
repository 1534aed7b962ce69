package import JSONSyntax
package import Postgres
package import SharedKernel

/// From a row's cells to JSON with nothing in between, for answers that are asked for often. Each takes the
/// row's next column, and writes what `JSONEncoding` would of the value read from it.
extension JSONWriter {
  /// - Throws: as `Row.next`, like all of these.
  package mutating func integerColumn(_ row: inout Row) throws {
    integer(try row.next(as: Int.self))
  }

  package mutating func boolColumn(_ row: inout Row) throws {
    bool(try row.next())
  }

  package mutating func textColumn(_ row: inout Row) throws {
    try row.nextText { text($0) }
  }

  /// A text array.
  package mutating func textsColumn(_ row: inout Row) throws {
    beginArray()
    try row.nextTexts { text($0) }
    endArray()
  }

  package mutating func timeColumn(_ row: inout Row) throws {
    time(try row.next())
  }

  /// A jsonb document, its members in the order in which the server keeps them; see `StoredMembers`.
  package mutating func jsonColumn(_ row: inout Row) throws {
    try row.nextJSON { bytes throws(PostgresError) in
      do throws(JSONParseError) {
        var reader = JSONReader(bytes)
        try copy(&reader)
        try reader.end()
      } catch {
        throw .invalid("the server's jsonb is no JSON: \(error)")
      }
    }
  }

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
