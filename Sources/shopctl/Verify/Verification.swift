import Postgres

/// What one look at all invariants found, of one instant of the database.
struct Verification: Encodable, Sendable {
  enum Verdict: String, Encodable, Sendable {
    case held
    case violated
    /// There was nothing to look at: it says nothing.
    case empty
    /// What the rule is about does not exist in this version.
    case notApplicable = "not_applicable"
  }

  struct Violation: Encodable, Sendable {
    let what: String
    /// A command, or SQL for psql, that shows it.
    let look: String
  }

  struct Result: Encodable, Sendable {
    let id: String
    let title: String
    let verdict: Verdict
    /// How many rows the rule speaks of.
    let rows: Int
    let violationCount: Int
    /// The first ones.
    let violations: [Violation]
    /// Why it is not applicable.
    let reason: String?
  }

  /// The snapshot's instant, as the server's clock has it: "2026-11-28T13:02:11.402Z".
  let at: String
  let holds: Bool
  let results: [Result]

  /// Looks at all of `checks` within `transaction`, whose isolation decides whether they see one
  /// instant.
  ///
  /// - Parameter shownMax: violations of each check that are told; the others are counted.
  /// - Throws: `PostgresError`; `Trouble` when nothing of the shop is in this database.
  init(_ checks: [Check], in transaction: Transaction, shownMax: Int) async throws {
    let named = Set(checks.flatMap(\.tables)).sorted()
    let present = Set(
      try await transaction.values(
        "SELECT name FROM unnest(\(named)) AS name WHERE to_regclass(name) IS NOT NULL",
        as: String.self))
    at = try await transaction.value(Self.instant) ?? ""
    var results: [Result] = []
    for check in checks {
      results.append(try await Self.look(at: check, present, in: transaction, shownMax: shownMax))
    }
    guard results.contains(where: { $0.verdict != .notApplicable }) else {
      throw Trouble(
        "this database has none of the shop's tables, so nothing was verified.",
        next: ["Make them: ./shop up, or ./shop migrate"])
    }
    self.results = results
    holds = !results.contains { $0.verdict == .violated }
  }

  static let instant: SQL = """
    SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    """

  private static func look(
    at check: Check, _ present: Set<String>, in transaction: Transaction, shownMax: Int
  ) async throws -> Result {
    func result(
      _ verdict: Verdict, rows: Int = 0, count: Int = 0, _ violations: [Violation] = [],
      because reason: String? = nil
    ) -> Result {
      Result(
        id: check.id, title: check.title, verdict: verdict, rows: rows, violationCount: count,
        violations: violations, reason: reason)
    }
    if let absent = check.tables.first(where: { !present.contains($0) }) {
      return result(.notApplicable, because: "there is no table \(absent)")
    }
    guard let queries = check.queries else {
      let table = check.tables.joined(separator: ", ")
      let missing = Violation(
        what: "\(table) exists by now, and nobody has written how to verify it",
        look: "Sources/shopctl/Verify/Check.swift")
      return result(.violated, count: 1, [missing])
    }
    let rows: Int = try await transaction.value(queries.rows) ?? 0
    let found = try await transaction.query(
      """
      SELECT what, look, count(*) OVER () FROM (\(queries.violations)) AS found (what, look)
      LIMIT \(constant: max(1, shownMax))
      """
    ) { row in
      (
        violation: Violation(what: try row.next(), look: try row.next()),
        count: try row.next(as: Int.self)
      )
    }
    if let first = found.first {
      return result(.violated, rows: rows, count: first.count, found.map(\.violation))
    }
    return result(rows == 0 ? .empty : .held, rows: rows)
  }

  /// The invariants that every purchase leaves something to look at for.
  private static let ofEachPurchase = ["I1", "I2", "I3", "I5", "I6", "I7", "I8", "I10"]

  /// Where a copy that was bought from proves nothing: a rule's table is not there, or there is no row that
  /// an invariant of each purchase speaks of.
  var unproven: [String] {
    let absent = results.filter { $0.verdict == .notApplicable }.map {
      "\($0.id) \($0.title): \($0.reason ?? "not applicable")"
    }
    let held = Set(results.filter { $0.verdict != .empty }.map(\.id))
    return absent
      + Self.ofEachPurchase.filter { !held.contains($0) }.map { "\($0): no row to look at" }
  }

  func count(_ verdict: Verdict) -> Int { results.count { $0.verdict == verdict } }

  /// Whether everything but what only holds at rest (I11) holds.
  var holdsApartFromRest: Bool { !results.contains { $0.verdict == .violated && $0.id != "I11" } }

  /// For people: a line for each check, and under it what breaks it.
  var text: String {
    var lines = results.flatMap(Self.lines)
    let seen = Set(results.map(\.id)).count
    lines.append(
      "\(seen) invariants in \(results.count) checks at \(at): \(count(.held)) held,"
        + " \(count(.violated)) violated, \(count(.empty)) without a row to look at,"
        + " \(count(.notApplicable)) not applicable.")
    return lines.joined(separator: "\n")
  }

  private static func lines(of result: Result) -> [String] {
    let id = result.id + String(repeating: " ", count: max(0, 4 - result.id.count))
    let rows = result.rows == 1 ? "1 row" : "\(result.rows) rows"
    switch result.verdict {
    case .held: return ["  ok \(id)\(result.title): \(rows)"]
    case .empty: return ["  -- \(id)\(result.title): no row to look at"]
    case .notApplicable:
      return ["  -- \(id)\(result.title): not applicable, \(result.reason ?? "")"]
    case .violated:
      let count = result.violationCount
      let further = count - result.violations.count
      return [
        "  !! \(id)\(result.title): \(count == 1 ? "1 violation" : "\(count) violations") in \(rows)"
      ] + result.violations.flatMap { ["       \($0.what)", "         \($0.look)"] }
        + (further > 0 ? ["       and \(further) more (--show \(count))"] : [])
    }
  }
}
