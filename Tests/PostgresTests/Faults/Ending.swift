import Postgres

/// How a call of the database ended for its caller.
enum Ending: Hashable, CaseIterable {
  case answered
  case refused
  case notSent
  case connectionLost
  case unknownOutcome
  case timedOut
  case poolExhausted
  case cancelled

  /// - Throws: `error` itself if no call may end with it.
  init(_ error: any Error) throws {
    switch error {
    case PostgresError.refused: self = .refused
    case PostgresError.notSent: self = .notSent
    case PostgresError.connectionLost: self = .connectionLost
    case PostgresError.unknownOutcome: self = .unknownOutcome
    case PostgresError.timedOut: self = .timedOut
    case PostgresError.poolExhausted: self = .poolExhausted
    case is CancellationError: self = .cancelled
    default: throw error
    }
  }

  /// How often what the call was to do may have been done.
  ///
  /// - Parameter isWrite: it commits by itself; else it is a transaction, whose COMMIT is not sent once
  ///   its caller is cancelled.
  func effects(isWrite: Bool) -> ClosedRange<Int> {
    switch self {
    case .answered: 1...1
    case .unknownOutcome: 0...1
    case .cancelled: isWrite ? 0...1 : 0...0
    case .refused, .notSent, .connectionLost, .timedOut, .poolExhausted: 0...0
    }
  }
}
