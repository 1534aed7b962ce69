import CPostgres
import Glibc

/// A connection that blocks, for what runs once and alone: migrations. Closed when it goes out of
/// scope. Never used on a loop.
struct BlockingSession: ~Copyable {
  private let handle: OpaquePointer

  /// - Throws: `PostgresError.notSent` if it cannot connect within `timeout` seconds for each host.
  init(_ target: ConnectionTarget, timeout: Int) throws(PostgresError) {
    var target = target
    if target["connect_timeout"] == nil { target["connect_timeout"] = "\(timeout)" }
    target["client_encoding"] = "UTF8"
    guard let handle = target.withLibpqArrays({ PQconnectdbParams($0, $1, 0) }) else {
      throw .notSent(reason: "out of memory")
    }
    guard PQstatus(handle) == CONNECTION_OK else {
      let message = String(cString: PQerrorMessage(handle))
      PQfinish(handle)
      throw .notSent(reason: message.split(separator: "\n").joined(separator: "; "))
    }
    PQsetNoticeProcessor(handle, { _, _ in }, nil)
    self.handle = handle
  }

  deinit {
    PQfinish(handle)
  }

  /// Whether a transaction is open and has not failed.
  var isInTransaction: Bool { PQtransactionStatus(handle) == PQTRANS_INTRANS }

  /// Runs one statement, or, without parameters, several.
  ///
  /// - Returns: the text of every cell of the last answer, row by row; nil for NULL.
  /// - Throws: `.refused`, or `.connectionLost` if the connection went.
  @discardableResult
  func run(_ statement: SQL) throws(PostgresError) -> [[String?]] {
    let answer = statement.withCText { text in
      if statement.parameters.isEmpty { return PQexec(handle, text) }
      return statement.withLibpqArrays { types, values, lengths, formats in
        PQexecParams(
          handle, text, Int32(statement.parameters.count), types, values, lengths, formats, 0)
      }
    }
    defer { PQclear(answer) }
    let status = PQresultStatus(answer)
    if status == PGRES_TUPLES_OK { return cells(of: answer) }
    if status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY { return [] }
    guard let answer, PQstatus(handle) == CONNECTION_OK else {
      throw .connectionLost(reason: String(cString: PQerrorMessage(handle)))
    }
    throw PostgresError(answer: answer, statement: statement)
  }

  private func cells(of answer: OpaquePointer?) -> [[String?]] {
    (0..<PQntuples(answer)).map { row in
      (0..<PQnfields(answer)).map { column in
        PQgetisnull(answer, row, column) != 0
          ? nil : String(cString: PQgetvalue(answer, row, column))
      }
    }
  }
}
