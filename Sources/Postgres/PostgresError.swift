/// What went wrong with the database. No case holds a bound value.
package enum PostgresError: Error, Equatable {
  /// The server refused the statement, which had no effect; inside a transaction the transaction
  /// has failed too. `sqlState` is of PostgreSQL's appendix A; `constraint` is the violated one.
  case refused(sqlState: String, constraint: String?, message: String, statement: String)
  /// The statement never reached the server: it can be tried again.
  case notSent(reason: String)
  /// The connection went while a statement was under way that can have left no effect: a read, or a
  /// statement of a transaction that was not committed.
  case connectionLost(reason: String)
  /// The connection went, or no answer came in time, while a write or a COMMIT was under way: it may
  /// or may not have happened.
  case unknownOutcome(reason: String)
  /// No answer within the statement's time; it had no effect.
  case timedOut(statement: String)
  /// No connection became free within `leaseWaitMax`, or for a read within `statementTimeout`, or too many
  /// already wait for one.
  case poolExhausted
  /// A column's value is not what the program reads it as.
  case decoding(column: String, reason: String, statement: String)
  /// A connection string or a statement that cannot be used.
  case invalid(String)
}

extension PostgresError {
  /// The server's SQLSTATE, if it refused.
  package var sqlState: String? {
    if case .refused(let sqlState, _, _, _) = self { sqlState } else { nil }
  }

  /// The violated constraint's name, if one was.
  package var constraint: String? {
    if case .refused(_, let constraint, _, _) = self { constraint } else { nil }
  }

  /// Whether a unique constraint was violated (23505); with `constraint`, whether it was that one.
  package func isUniqueViolation(_ constraint: String? = nil) -> Bool {
    sqlState == "23505" && (constraint == nil || constraint == self.constraint)
  }

  /// Whether a foreign key was violated (23503); with `constraint`, whether it was that one.
  package func isForeignKeyViolation(_ constraint: String? = nil) -> Bool {
    sqlState == "23503" && (constraint == nil || constraint == self.constraint)
  }

  /// Whether a check was violated (23514); with `constraint`, whether it was that one.
  package func isCheckViolation(_ constraint: String? = nil) -> Bool {
    sqlState == "23514" && (constraint == nil || constraint == self.constraint)
  }

  /// Whether the whole transaction may be run again: serialization failure (40001), deadlock (40P01).
  package var isRetryable: Bool {
    sqlState == "40001" || sqlState == "40P01"
  }

  /// Whether a lock was not granted within `lock_timeout` (55P03).
  package var isLockTimeout: Bool {
    sqlState == "55P03"
  }

  /// Whether the database, not the statement, is at fault, so that a later try may succeed: lost and
  /// missing connections, no room, timeouts, shutdown, a server that only reads (08, 53, 55P03, 57, 25006).
  package var isUnavailability: Bool {
    switch self {
    case .refused(let sqlState, _, _, _):
      sqlState.hasPrefix("08") || sqlState.hasPrefix("53") || sqlState.hasPrefix("57")
        || sqlState == "55P03" || sqlState == "25006"
    case .notSent, .connectionLost, .unknownOutcome, .timedOut, .poolExhausted: true
    case .decoding, .invalid: false
    }
  }
}

extension PostgresError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .refused(let sqlState, let constraint, let message, let statement):
      "\(message) (\(sqlState)\(constraint.map { ", constraint \($0)" } ?? "")) in: \(statement)"
    case .notSent(let reason): "not sent to the database: \(reason)"
    case .connectionLost(let reason): "the connection to the database was lost: \(reason)"
    case .unknownOutcome(let reason): "whether the database did it is unknown: \(reason)"
    case .timedOut(let statement): "no answer in time to: \(statement)"
    case .poolExhausted: "no connection to the database became free in time"
    case .decoding(let column, let reason, let statement):
      "column \(column) holds \(reason) in: \(statement)"
    case .invalid(let reason): reason
    }
  }
}
