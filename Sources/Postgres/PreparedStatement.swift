import Glibc

/// A statement that one connection has prepared, or has asked to.
final class PreparedStatement {
  /// A C string.
  let name: UnsafeMutablePointer<CChar>
  /// Why the server would not prepare it.
  var refusal: PostgresError?

  init(number: Int) {
    name = strdup("s\(number)")
  }

  deinit {
    free(name)
  }
}

/// The prepared statements of one connection, by text and parameter types. Bounded: when it is full,
/// further statements run unprepared, because a program whose statements are that many makes them
/// up as it goes, and preparing those gains nothing.
struct PreparedStatements {
  enum Found {
    case prepared(PreparedStatement)
    /// To be prepared before it is run.
    case new(PreparedStatement)
    case full
  }

  private var statements: [SQL.Shape: PreparedStatement] = [:]
  private let countMax: Int
  private var made = 0

  /// - Parameter countMax: 0 turns preparing off.
  init(countMax: Int) {
    self.countMax = countMax
  }

  mutating func find(_ statement: SQL) -> Found {
    let shape = SQL.Shape(sql: statement)
    if let found = statements[shape] { return .prepared(found) }
    guard statements.count < countMax else { return .full }
    // A name is never used twice, so one that the server still has cannot be in the way.
    made += 1
    let new = PreparedStatement(number: made)
    // The values stay out: the key lives as long as the connection.
    var key = statement
    key.values = []
    statements[SQL.Shape(sql: key)] = new
    return .new(new)
  }

  /// Forgets `prepared`: the server does not have it, or its plan is out of date.
  mutating func forget(_ prepared: PreparedStatement, of statement: SQL) {
    let shape = SQL.Shape(sql: statement)
    if statements[shape] === prepared { statements[shape] = nil }
  }
}
