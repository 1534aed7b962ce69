import Postgres
import Synchronization
import Testing

/// A table that shows what calls have done, and the calls themselves. Each has a number of its own that
/// its answer repeats; in the table a number may stand more than once, so that what was done twice shows.
final class Ledger: Sendable {
  enum Kind: CaseIterable {
    /// Answers its number.
    case read
    /// Inserts one row, and answers its number.
    case write
    /// Inserts two rows.
    case transaction
  }

  struct Call {
    let number: Int
    let kind: Kind
    var begun = ContinuousClock.now
    var ended = ContinuousClock.now
    var ending = Ending.answered
  }

  private struct State {
    var made = 0
    var calls: [Call] = []
    var faults: [String] = []
  }

  private let state = Mutex(State())

  /// All calls that have ended.
  var calls: [Call] { state.withLock(\.calls) }

  static func makeTable(in database: Database) async throws {
    try await database.execute("CREATE TABLE ledger (number int8 NOT NULL, part int8 NOT NULL)")
  }

  /// Makes one call, each statement of which takes `pause` on the server, and notes how it ended.
  ///
  /// - Returns: how it ended; nil if with an error that no call may end with.
  @discardableResult
  func call(_ kind: Kind, in database: Database, pause: Duration = .zero) async -> Ending? {
    let seconds = pause / .seconds(1)
    return await note(kind) { number in
      switch kind {
      case .read: return try await database.value("SELECT \(number) FROM pg_sleep(\(seconds))")
      case .write:
        return try await database.value(
          "INSERT INTO ledger SELECT \(number), 0 FROM pg_sleep(\(seconds)) RETURNING number")
      case .transaction:
        return try await database.transaction { tx in
          try await tx.execute("INSERT INTO ledger VALUES (\(number), 1)")
          return try await tx.value(
            "INSERT INTO ledger SELECT \(number), 2 FROM pg_sleep(\(seconds)) RETURNING number")
        }
      }
    }
  }

  /// Makes the call that `body` is, and notes how it ended.
  ///
  /// - Parameter body: gets the call's number and answers it.
  /// - Returns: how it ended; nil if with an error that no call may end with.
  @discardableResult
  func note(_ kind: Kind, _ body: (Int) async throws -> Int?) async -> Ending? {
    var call = Call(number: nextNumber(), kind: kind)
    do {
      let answer = try await body(call.number)
      if answer != call.number {
        note("call \(call.number) got the answer \(String(describing: answer))")
      }
    } catch {
      do {
        call.ending = try Ending(error)
      } catch {
        note("call \(call.number) ended with \(error)")
        return nil
      }
    }
    call.ended = .now
    let ended = call
    state.withLock { $0.calls.append(ended) }
    return ended.ending
  }

  private func nextNumber() -> Int {
    state.withLock { state in
      state.made += 1
      return state.made
    }
  }

  /// Notes something that must not be.
  func note(_ fault: String) {
    state.withLock { $0.faults.append(fault) }
  }

  /// Compares what the callers were told with what is in the table: each answer went to its caller, and
  /// each effect is there as often as its ending says.
  ///
  /// - Parameter database: to the server itself.
  func check(against database: Database, _ comment: Comment) async throws {
    // What lost its caller may still run; not for longer than its pause.
    try await until(
      """
      SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active'
        AND pid <> pg_backend_pid() AND datname = current_database()
        AND position('INTO ledger' IN query) > 0)
      """, in: database)
    var parts: [Int: [Int]] = [:]
    let rows = try await database.query("TABLE ledger") { row in
      (try row.next(as: Int.self), try row.next(as: Int.self))
    }
    for (number, part) in rows { parts[number, default: []].append(part) }
    var (calls, faults) = state.withLock { ($0.calls, $0.faults) }
    for call in calls {
      let found = parts.removeValue(forKey: call.number) ?? []
      if let fault = Self.fault(of: call, parts: found) { faults.append(fault) }
    }
    for (number, found) in parts { faults.append("\(number) was never called, and did \(found)") }
    #expect(faults.isEmpty, comment)
  }

  private static func fault(of call: Call, parts: [Int]) -> String? {
    let expected: [Int] =
      switch call.kind {
      case .read: []
      case .write: [0]
      case .transaction: [1, 2]
      }
    let allowed = call.ending.effects(isWrite: call.kind == .write)
    let isAllowed =
      parts.sorted() == expected && allowed.contains(1) || parts.isEmpty && allowed.contains(0)
      || call.kind == .read && parts.isEmpty
    return isAllowed ? nil : "call \(call.number), a \(call.kind): \(call.ending), did \(parts)"
  }
}
