import Testing

@testable import Postgres

@Suite struct SQLTests {
  @Test("an interpolated value is bound, not spliced")
  func binds() {
    let name = "x'; DROP TABLE y; --"
    let statement: SQL = "SELECT id FROM t WHERE name = \(name) AND n = \(Int32(7))"
    #expect(statement.shownText == "SELECT id FROM t WHERE name = $1 AND n = $2")
    #expect(statement.parameters.map(\.type) == [.text, .int4])
    #expect(statement.values == Array(name.utf8) + [0, 0, 0, 7])
  }

  @Test("an optional binds its value or NULL, with its type")
  func bindsOptionals() {
    let none: Int? = nil
    let some: Int? = 1
    let statement: SQL = "SELECT \(none), \(some)"
    #expect(statement.parameters.map(\.length) == [-1, 8])
    #expect(statement.parameters.map(\.type) == [.int8, .int8])
  }

  @Test("parts are joined and their parameters numbered on")
  func composes() {
    let parts: [SQL] = ["a = \(1)", "b = \("two")", "c = ANY(\([3, 4]))"]
    var statement: SQL = "SELECT 1 WHERE \(SQL.joined(parts, separator: " AND ")) OR d = \(5)"
    statement += " LIMIT \(6)"
    #expect(
      statement.shownText
        == "SELECT 1 WHERE a = $1 AND b = $2 AND c = ANY($3) OR d = $4 LIMIT $5")
    let twelve = SQL.joined((1...12).map { "\($0)" }, separator: ",") + " \(13)"
    #expect(twelve.shownText == "$1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12 $13")
    #expect(twelve.parameters.map(\.offset) == (0...12).map { $0 * 8 })
  }

  @Test("identifiers and literals are quoted, and a spliced literal is not shown")
  func splices() {
    let role = "we\"ird"
    let statement: SQL = "ALTER ROLE \(identifier: role) PASSWORD \(literal: "a'b\\c")"
    #expect(
      String(decoding: statement.text, as: UTF8.self)
        == #"ALTER ROLE "we""ird" PASSWORD E'a''b\\c'"#)
    #expect(!statement.shownText.contains("b"))
    #expect((("SELECT 1; " as SQL) + statement).hasLiteral)
  }

  @Test(
    "the first word tells reads from writes",
    arguments: [
      ("SELECT 1", true), ("\n  select 1", true), ("(WITH x AS (SELECT 1) TABLE x)", true),
      ("VALUES (1)", true), ("TABLE t", true), ("SHOW all", true), ("INSERT INTO t", false),
      ("WITH x AS (SELECT 1) TABLE x", false), ("-- x\nSELECT 1", false), ("", false),
      ("SELEC", false), ("EXPLAIN x", false),
    ])
  func tellsReads(text: String, isRead: Bool) {
    #expect(SQL(verbatim: text).isRead == isRead)
  }

  @Test("statements of one text and other types are different prepared statements")
  func shapes() {
    var statements = PreparedStatements(countMax: 2)
    func isNew(_ statement: SQL) -> Bool? {
      switch statements.find(statement) {
      case .new: true
      case .prepared: false
      case .full: nil
      }
    }
    #expect(isNew("SELECT \(1)") == true)
    #expect(isNew("SELECT \(2)") == false)
    #expect(isNew("SELECT \("2")") == true)
    #expect(isNew("SELECT 3") == nil)
    #expect(isNew("SELECT \("4")") == false)
  }
}
