package import Postgres

/// A rule about the data that no order of events may break, and the query that finds what breaks it.
package struct Invariant: Sendable {
  /// As in the contract: `I1`; a word for a rule that is the service's own.
  package let id: String
  /// The rule in words; what `GET /admin/invariants` shows beside the id.
  package let title: String
  /// Selects one text for each violation.
  package let violations: SQL

  package init(_ id: String, _ title: String, violations: SQL) {
    self.id = id
    self.title = title
    self.violations = violations
  }
}

/// What a check of one invariant found.
struct InvariantReport: Encodable {
  /// Violations shown; the first are enough to start looking.
  static let shownMax = 20

  let id: String
  let title: String
  let ok: Bool
  let violations: [String]

  init(_ invariant: Invariant, in database: some SQLRunner) async throws {
    id = invariant.id
    title = invariant.title
    violations = Array(
      try await database.query(invariant.violations) { try $0.next(as: String.self) }
        .prefix(Self.shownMax))
    ok = violations.isEmpty
  }
}
