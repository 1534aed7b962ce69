import CPostgres

extension PostgresError {
  /// Field codes of `PQresultErrorField` (postgres_ext.h).
  enum Field {
    static let severity = Int32(UInt8(ascii: "V"))
    static let sqlState = Int32(UInt8(ascii: "C"))
    static let message = Int32(UInt8(ascii: "M"))
    static let constraint = Int32(UInt8(ascii: "n"))
  }

  /// What the server said in refusing `statement`. Its details and hints are left out: they quote
  /// values.
  init(answer: OpaquePointer, statement: SQL) {
    func field(_ code: Int32) -> String? {
      PQresultErrorField(answer, code).map { String(cString: $0) }
    }
    let sqlState = field(Field.sqlState) ?? ""
    let message = field(Field.message) ?? String(cString: PQresultErrorMessage(answer))
    self = .refused(
      sqlState: sqlState, constraint: field(Field.constraint),
      message: Self.withoutValues(message, sqlState: sqlState), statement: statement.shownText)
  }

  /// Messages about bad data (class 22) end in the data: `invalid input syntax for type uuid: "..."`.
  private static func withoutValues(_ message: String, sqlState: String) -> String {
    guard sqlState.hasPrefix("22"), let quote = message.firstIndex(of: "\"") else { return message }
    return message[..<quote] + "..."
  }
}
