import CPostgres
import EventLoops

/// One run of a statement: what is sent, who waits for it, and what came back.
final class StatementRun: @unchecked Sendable {
  // @unchecked: touched on the loop's thread alone until it has ended, then by its caller alone; the
  // continuation's resumption is the border between the two.

  /// What a run is decides what is true of it when its answer is lost.
  enum Kind {
    /// Changes nothing, and may be run again.
    case read
    /// A write that commits by itself.
    case write
    /// A statement of a transaction, or a report with its settings ahead of it.
    case inTransaction
    case commit
    /// Nobody waits for it: of this module's own, or put off by `Transaction.send`. Its refusal is told by
    /// what is behind it in its batch.
    case control
  }

  let statement: SQL
  let kind: Kind
  /// When it has taken too long. Set when it is sent, or begins to wait.
  var deadline = MonotonicTime(nanoseconds: .max)
  /// How often it was sent in vain: aborted by a neighbour, or by a lost connection.
  var failedAttempts = 0
  /// Its time was up, the server was asked to stop it, and its true outcome is awaited.
  var isStopping = false
  /// The prepared statement that the last attempt used.
  var prepared: PreparedStatement?
  /// Where it was last sent. Not weak: a weak reference would make every retain of the connection a
  /// slow one. The end of the run breaks the cycle.
  var connection: Connection?
  /// Set for a named statement when it begins.
  var measurement: StatementMeasurement?
  private(set) var isEnded = false
  private(set) var error: (any Error)?
  private var result: OpaquePointer?
  private var continuation: UnsafeContinuation<Void, Never>?

  init(_ statement: SQL, kind: Kind) {
    self.statement = statement
    self.kind = kind
  }

  deinit {
    if let result { PQclear(result) }
  }

  // MARK: On the loop

  /// Notes who waits. A run that was cancelled before this ends at once.
  ///
  /// - Returns: whether it is still to be run.
  func begin(_ continuation: UnsafeContinuation<Void, Never>) -> Bool {
    if isEnded {
      continuation.resume()
      return false
    }
    self.continuation = continuation
    return true
  }

  /// Takes over `result`, which is freed with this run.
  func succeed(_ result: OpaquePointer) {
    guard !isEnded else { return PQclear(result) }
    self.result = result
    end()
  }

  /// Does nothing if the run has ended: late answers to cancelled runs come here.
  func fail(_ error: any Error) {
    guard !isEnded else { return }
    self.error = error
    end()
  }

  /// Ends with nothing, for there was nothing to do.
  func succeedWithoutResult() {
    guard !isEnded else { return }
    end()
  }

  /// The connection went before the answer came.
  func lose(_ reason: String) {
    switch kind {
    case .write, .commit: fail(PostgresError.unknownOutcome(reason: reason))
    case .read, .inTransaction, .control: fail(PostgresError.connectionLost(reason: reason))
    }
  }

  private func end() {
    isEnded = true
    connection = nil
    measurement?.end(with: error)
    continuation?.resume()
    continuation = nil
  }

  // MARK: After the end, by the caller

  var affectedRows: Int {
    guard let result, let tag = PQcmdTuples(result) else { return 0 }
    return Int(String(cString: tag)) ?? 0
  }

  /// The command's tag, such as `COMMIT`.
  var commandTag: String {
    result.flatMap { PQcmdStatus($0) }.map { String(cString: $0) } ?? ""
  }

  /// Decodes at most `limit` rows, in order.
  func rows<R>(limit: Int = .max, _ decode: (inout Row) throws -> R) throws -> [R] {
    guard let result else { return [] }
    let count = min(Int(PQntuples(result)), limit)
    if count == 0 { return [] }
    // Decoded where they stay: `append` would copy each and release it again.
    return try [R](unsafeUninitializedCapacity: count) { decoded, decodedCount in
      var row = Row(result: result, of: self)
      while decodedCount < count {
        row.move(to: Int32(decodedCount))
        decoded.initializeElement(at: decodedCount, to: try decode(&row))
        decodedCount += 1
      }
    }
  }

  /// Decodes the first row, if there is one.
  func firstRow<R>(_ decode: (inout Row) throws -> R) throws -> R? {
    guard let result, PQntuples(result) > 0 else { return nil }
    var row = Row(result: result, of: self)
    return try decode(&row)
  }
}
