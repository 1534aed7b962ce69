import CPostgres

/// One row of an answer, lent to a decoding closure and read from the left.
///
///     try await database.query("SELECT id, name, note FROM products") { row in
///       Product(id: try row.next(), name: try row.next(), note: try row.next())
///     }
///
/// A row cannot be kept: it is gone when the closure returns.
package struct Row: ~Copyable {
  private let result: OpaquePointer
  private var index: Int32
  var column: Int32 = 0
  /// Columns in the row.
  package let count: Int
  /// Has the statement, for errors, and keeps the result.
  private let run: StatementRun

  init(result: OpaquePointer, of run: StatementRun) {
    self.result = result
    self.run = run
    index = 0
    count = Int(PQnfields(result))
  }

  /// Goes to the first column of row `index`.
  mutating func move(to index: Int32) {
    self.index = index
    column = 0
  }

  /// Reads the next column.
  ///
  /// - Throws: `PostgresError.decoding` if it is NULL where `T` is not optional, or no `T`.
  package mutating func next<T: SQLDecodable>(as type: T.Type = T.self) throws(PostgresError) -> T {
    let position = column
    column += 1
    return try value(at: Int(position))
  }

  // What most columns are, the same once more: other modules would call the generic function as it is, at
  // twice the price.

  /// As `next(as:)`.
  package mutating func next() throws(PostgresError) -> Int { try next(as: Int.self) }
  /// As `next(as:)`.
  package mutating func next() throws(PostgresError) -> String { try next(as: String.self) }
  /// As `next(as:)`.
  package mutating func next() throws(PostgresError) -> SQLTimestamp {
    try next(as: SQLTimestamp.self)
  }

  /// Reads the column at `position`, from 0.
  ///
  /// - Throws: as `next`.
  package func value<T: SQLDecodable>(
    at position: Int, as type: T.Type = T.self
  ) throws(PostgresError) -> T {
    do throws(SQLCellFault) {
      guard position < count else { throw .noColumn }
      return try T.decode(cell(Int32(truncatingIfNeeded: position)))
    } catch {
      throw decodingError(error, at: position, as: "\(T.self)")
    }
  }

  /// Leaves the next `columns` out.
  package mutating func skip(_ columns: Int = 1) {
    column += Int32(columns)
  }

  /// Lends the next column as it came; the cell is gone when the row is.
  package mutating func nextCell() -> SQLCell {
    let position = column
    column += 1
    return position < count ? cell(position) : SQLCell(bytes: nil, type: SQLType(oid: 0))
  }

  /// What to throw when the cell that was lent last is no `type`.
  package func error(_ fault: SQLCellFault, readAs type: StaticString) -> PostgresError {
    decodingError(fault, at: Int(column) - 1, as: "\(type)")
  }

  func cell(_ column: Int32) -> SQLCell {
    let length = Int(PQgetlength(result, index, column))
    // libpq's value is never NULL; a zero length may be an empty value or a NULL.
    if length == 0, PQgetisnull(result, index, column) != 0 {
      return SQLCell(bytes: nil, type: SQLType(oid: PQftype(result, column)))
    }
    return SQLCell(
      bytes: UnsafeRawBufferPointer(start: PQgetvalue(result, index, column), count: length),
      type: SQLType(oid: PQftype(result, column)))
  }

  func decodingError(_ fault: SQLCellFault, at position: Int, as type: String) -> PostgresError {
    let name = PQfname(result, Int32(position)).map { String(cString: $0) } ?? "\(position)"
    return .decoding(
      column: name, reason: "\(fault.explanation), read as \(type)",
      statement: run.statement.shownText)
  }
}

extension SQLCellFault {
  var explanation: String {
    switch self {
    case .null: "NULL"
    case .type(let type): "a value of the type with oid \(type.oid)"
    case .malformed: "malformed bytes"
    case .unacceptable: "a value outside the type"
    case .noColumn: "no such column"
    }
  }
}
