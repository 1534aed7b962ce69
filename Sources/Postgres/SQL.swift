import Glibc

/// One SQL statement or a part of one, with its bound values apart from its text.
///
/// Written as a string literal: an interpolated value is bound as `$1`, `$2`, ... and never becomes
/// part of the text.
///
///     let statement: SQL = "SELECT id, name FROM products WHERE id = \(id) AND state = ANY(\(states))"
///
/// A run-time `String` cannot become SQL text by accident: literals are `StaticString`s, and the
/// ways round that have names (`\(identifier:)`, `\(literal:)`, `SQL(verbatim:)`).
package struct SQL: Sendable {
  /// The statement as the server gets it, UTF-8.
  var text: [UInt8] = []
  /// The values in PostgreSQL's binary formats, one after another.
  var values: [UInt8] = []
  var parameters: [Parameter] = []
  /// Whether the text holds a value that was spliced in by `\(literal:)`; such a text is not shown.
  var hasLiteral = false
  /// What `StatementStatistics` are kept under.
  private(set) var name: StaticString?

  /// One bound value.
  struct Parameter: Sendable {
    var type: SQLType
    /// Where `$n` stands in the text.
    var position: Int32
    /// Where the value begins in `values`.
    var offset: Int32
    /// In bytes; -1 is NULL.
    var length: Int32
  }

  init() {}

  /// Text that was put together at run time and is trusted: a migration, a file of the program's.
  package init(verbatim text: String) {
    self.text = Array(text.utf8)
  }

  /// `statement` under a name for `Database.statementStatistics`. A part's name does not become that of the
  /// whole.
  ///
  ///     try await runner.first(.named("order.by-id", "SELECT .. WHERE id = \(id)"), Order.init)
  ///
  /// - Parameter name: the same wherever the same is done.
  package static func named(_ name: StaticString, _ statement: SQL) -> SQL {
    var named = statement
    named.name = name
    return named
  }

  /// The two in this order; the second's parameters are numbered on.
  package static func + (left: SQL, right: SQL) -> SQL {
    var sum = left
    sum += right
    return sum
  }

  package static func += (left: inout SQL, right: SQL) {
    left.append(right)
  }

  /// The parts with `separator` between them.
  package static func joined(_ parts: [SQL], separator: StaticString) -> SQL {
    var sum = SQL()
    for (position, part) in parts.enumerated() {
      if position > 0 { sum.append(literal: separator) }
      sum.append(part)
    }
    return sum
  }

  /// The text as errors and logs show it. Never holds a bound value.
  var shownText: String {
    hasLiteral ? "(a statement with a spliced literal)" : String(decoding: text, as: UTF8.self)
  }

  /// Whether the statement only reads, by its first word: SELECT, VALUES, TABLE, SHOW, or a
  /// parenthesis. A `WITH` may write, so it counts as writing.
  var isRead: Bool {
    guard let start = text.firstIndex(where: { $0 > UInt8(ascii: " ") }) else { return false }
    if text[start] == UInt8(ascii: "(") { return true }
    let word = text[start...].prefix(7)
    return Self.readingWords.contains { expected in
      word.count > expected.count && zip(word, expected).allSatisfy { $0 & 0xdf == $1 }
    }
  }

  private static let readingWords = ["SELECT", "VALUES", "TABLE", "SHOW"].map { Array($0.utf8) }

  // MARK: Building

  mutating func append(literal: StaticString) {
    literal.withUTF8Buffer { text.append(contentsOf: $0) }
  }

  mutating func append(_ part: SQL) {
    hasLiteral = hasLiteral || part.hasLiteral
    let valuesBefore = Int32(values.count)
    var copied = 0
    for var parameter in part.parameters {
      text.append(contentsOf: part.text[copied..<Int(parameter.position)])
      copied = SQL.endOfPlaceholder(in: part.text, at: Int(parameter.position))
      parameter.position = Int32(text.count)
      parameter.offset += valuesBefore
      parameters.append(parameter)
      appendPlaceholder()
    }
    text.append(contentsOf: part.text[copied...])
    values.append(contentsOf: part.values)
  }

  mutating func bind(_ value: some SQLEncodable) {
    let offset = values.count
    let isNull = value.isSQLNull
    if !isNull { value.encode(into: &values) }
    parameters.append(
      Parameter(
        type: Swift.type(of: value).sqlType, position: Int32(text.count), offset: Int32(offset),
        length: isNull ? -1 : Int32(values.count - offset)))
    appendPlaceholder()
  }

  private mutating func appendPlaceholder() {
    text.append(UInt8(ascii: "$"))
    let number = parameters.count
    if number < 10 {
      text.append(UInt8(ascii: "0") + UInt8(number))
    } else {
      text.append(contentsOf: String(number).utf8)
    }
  }

  private static func endOfPlaceholder(in text: [UInt8], at position: Int) -> Int {
    var end = position + 1
    while end < text.count, text[end] >= UInt8(ascii: "0"), text[end] <= UInt8(ascii: "9") {
      end += 1
    }
    return end
  }
}

extension SQL: ExpressibleByStringInterpolation {
  package struct StringInterpolation: StringInterpolationProtocol {
    package typealias StringLiteralType = StaticString
    var sql = SQL()

    package init(literalCapacity: Int, interpolationCount: Int) {
      sql.text.reserveCapacity(literalCapacity + 3 * interpolationCount)
      sql.parameters.reserveCapacity(interpolationCount)
      sql.values.reserveCapacity(16 * interpolationCount)
    }

    package mutating func appendLiteral(_ literal: StaticString) {
      sql.append(literal: literal)
    }

    /// Binds `value`.
    package mutating func appendInterpolation(_ value: some SQLEncodable) {
      sql.bind(value)
    }

    /// Binds `value`, or NULL. (Of its own, so that the compiler does not warn of an optional that is
    /// interpolated as a description.)
    package mutating func appendInterpolation<Value: SQLEncodable>(_ value: Value?) {
      sql.bind(value)
    }

    /// Inserts another piece of SQL with its values.
    package mutating func appendInterpolation(_ part: SQL) {
      sql.append(part)
    }

    /// Splices text of the program's own: a column list, an `ORDER BY`.
    package mutating func appendInterpolation(raw text: StaticString) {
      sql.append(literal: text)
    }

    /// Splices a whole number of the program's own bounds, where the planner should know it: a page's
    /// size, for which a bound value would be planned anew each time.
    package mutating func appendInterpolation(constant number: Int) {
      sql.text.append(contentsOf: String(number).utf8)
    }

    /// Splices a quoted identifier: a schema's or a role's name.
    package mutating func appendInterpolation(identifier name: String) {
      sql.text.append(contentsOf: SQL.quoted(name, with: "\"").utf8)
    }

    /// Splices a quoted string, where a statement takes no parameters (`ALTER ROLE .. PASSWORD`). The
    /// statement's text is not shown in errors any more.
    package mutating func appendInterpolation(literal value: String) {
      sql.hasLiteral = true
      // E'' so that a backslash means itself whatever standard_conforming_strings says.
      let escaped = value.split(separator: "\\", omittingEmptySubsequences: false)
        .joined(separator: "\\\\")
      sql.text.append(contentsOf: "E\(SQL.quoted(escaped, with: "'"))".utf8)
    }
  }

  package init(stringLiteral text: StaticString) {
    append(literal: text)
  }

  package init(stringInterpolation: StringInterpolation) {
    self = stringInterpolation.sql
  }

  /// `name` between quotes, the quotes inside doubled and NUL left out.
  static func quoted(_ name: String, with quote: Character) -> String {
    var result = String(quote)
    for character in name.unicodeScalars where character != "\0" {
      result.unicodeScalars.append(character)
      if String(character) == String(quote) { result.unicodeScalars.append(character) }
    }
    result.append(quote)
    return result
  }
}

/// Two statements are the same prepared statement if text and parameter types agree; the values
/// do not matter.
extension SQL {
  private func hasSameText(as other: SQL) -> Bool {
    text.withUnsafeBytes { left in
      other.text.withUnsafeBytes { right in
        left.count == right.count
          && (left.isEmpty || memcmp(left.baseAddress!, right.baseAddress!, left.count) == 0)
      }
    }
  }

  struct Shape: Hashable {
    let sql: SQL

    static func == (left: Shape, right: Shape) -> Bool {
      left.sql.hasSameText(as: right.sql)
        && left.sql.parameters.elementsEqual(right.sql.parameters) { $0.type == $1.type }
    }

    /// FNV's step on eight bytes at a time: texts are the program's own, so nobody chooses them to
    /// collide, and this is a fraction of what SipHash takes for a long statement.
    func hash(into hasher: inout Hasher) {
      let sum = sql.text.withUnsafeBytes { bytes in
        var sum: UInt64 = 0xcbf2_9ce4_8422_2325
        var position = 0
        while position + 8 <= bytes.count {
          sum = (sum ^ bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
          sum = (sum &* 0x0100_0000_01b3) ^ (sum >> 29)
          position += 8
        }
        while position < bytes.count {
          sum = (sum ^ UInt64(bytes[position])) &* 0x0100_0000_01b3
          position += 1
        }
        return sum
      }
      hasher.combine(sum)
    }
  }
}
