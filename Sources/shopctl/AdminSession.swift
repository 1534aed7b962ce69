/// Administrative SQL, through psql: names of roles and databases cannot be bound, and a script of
/// statements is what psql is for. The text goes in on standard input and the password in the
/// environment, so neither shows in a list of processes.
struct AdminSession: Sendable {
  let url: DatabaseURL
  /// Path or name of the program.
  let psql: String

  /// Runs the statements of `script`, all or none of them.
  /// - Parameter database: another than the address names, for what must happen outside of it.
  /// - Throws: `Trouble` with the server's words.
  func run(_ script: String, inTransaction: Bool = true, database: String? = nil) async throws {
    _ = try await outcome(script, options: inTransaction ? ["-1"] : [], database: database)
  }

  /// The single value that `query` answers, as text; "" when it answers no row.
  func value(_ query: String, database: String? = nil) async throws -> String {
    let text = try await outcome(query, options: ["-At"], database: database)
    return text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
  }

  private func outcome(_ script: String, options: [String], database: String?) async throws
    -> String
  {
    let told = try await ShortCommand.run(
      psql, ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-w", "-f", "-"] + options,
      environment: [
        "PGHOST": url.host, "PGPORT": String(url.port), "PGUSER": url.user,
        "PGPASSWORD": url.password, "PGDATABASE": database ?? url.database,
        "PGCONNECT_TIMEOUT": "10", "PGOPTIONS": "-c client_min_messages=warning", "LC_ALL": "C",
      ],
      input: script)
    guard told.isSuccess else {
      throw Trouble(
        "PostgreSQL refused an administrative statement.",
        evidence: [url.safeText] + told.lastLines(3))
    }
    return told.output
  }

  /// `text` as an SQL literal.
  static func literal(_ text: String) -> String {
    let quoted = text.replacing("'", with: "''")
    // A backslash means itself only in a plain literal, and only with the standard setting.
    return quoted.contains("\\") ? " E'\(quoted.replacing("\\", with: "\\\\"))'" : "'\(quoted)'"
  }
}
