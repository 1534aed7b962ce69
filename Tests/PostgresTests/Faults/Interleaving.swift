import EventLoops
import Postgres

/// One case of the property test: some calls at once, some of them cancelled, and perhaps a cut in the
/// network. All of it follows from a seed, but for how the threads run.
struct Interleaving {
  enum Operation: CaseIterable {
    case read
    case refusedRead
    case write
    case refusedWrite
    case transaction
    case refusedTransaction
    case savepoints
    /// Whose statements go with its COMMIT.
    case putOff
    case refusedPutOff
  }

  struct Call {
    let operation: Operation
    /// Nil is beside the loops.
    let loop: Int?
    /// In turns of the scheduler; nil without one.
    let cancelledAfter: Int?
  }

  enum Cut {
    case one(Int)
    case all
    case withinAnswer(bytes: Int)
    case withinRequest(bytes: Int)
  }

  private static let calls = 2...4
  private static let turns = 0...30
  private static let cutBytes = 1...400

  let calls: [Call]
  let cut: (kind: Cut, after: Int)?

  init(using random: inout some RandomNumberGenerator) {
    var calls: [Call] = []
    for _ in 0..<Int.random(in: Self.calls, using: &random) {
      calls.append(
        Call(
          operation: Operation.allCases.randomElement(using: &random) ?? .read,
          loop: [0, 1, nil].randomElement(using: &random) ?? nil,
          cancelledAfter: Int.random(in: 0..<10, using: &random) == 0
            ? Int.random(in: Self.turns, using: &random) : nil))
    }
    self.calls = calls
    let position = Int.random(in: 0..<100, using: &random)
    let bytes = Int.random(in: Self.cutBytes, using: &random)
    let kind: Cut? =
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<5: .one(position)
      case 5: .all
      case 6: .withinAnswer(bytes: bytes)
      case 7: .withinRequest(bytes: bytes)
      default: nil
      }
    let after = Int.random(in: Self.turns, using: &random)
    cut = kind.map { ($0, after) }
  }

  /// Returns when all calls have ended.
  func run(in database: Database, _ ledger: Ledger, through proxy: FaultProxy) async {
    await withTaskGroup { group in
      for call in calls {
        let executor: EventLoop? = call.loop.map { loops.loops[$0] }
        let task = Task(executorPreference: executor) {
          await Self.perform(call.operation, in: database, ledger)
        }
        group.addTask { await task.value }
        guard let turns = call.cancelledAfter else { continue }
        group.addTask {
          await Self.wait(turns: turns)
          task.cancel()
        }
      }
      guard let cut else { return }
      await Self.wait(turns: cut.after)
      switch cut.kind {
      case .one(let position): proxy.resetOne(position)
      case .all: proxy.reset()
      case .withinAnswer(let bytes): proxy.truncate(.toClient, afterBytes: bytes)
      case .withinRequest(let bytes): proxy.truncate(.toServer, afterBytes: bytes)
      }
    }
  }

  private static func wait(turns: Int) async {
    for _ in 0..<turns { await Task.yield() }
  }

  // MARK: Calls

  private static func perform(
    _ operation: Operation, in database: Database, _ ledger: Ledger
  ) async {
    switch operation {
    case .read:
      await ledger.note(.read) { number in
        let text = "caller \(number)"
        return try await database.first("SELECT \(number), \(text)") { row in
          let answer = try row.next(as: Int.self)
          return try row.next(as: String.self) == text ? answer : -answer
        }
      }
    case .refusedRead:
      await refused("22012", .read, ledger) { number in
        try await database.value("SELECT 1 / (\(number) - \(number))")
      }
    case .write:
      await ledger.note(.write) { number in
        try await database.value("INSERT INTO ledger VALUES (\(number), 0) RETURNING number")
      }
    case .refusedWrite:
      await refused("22012", .write, ledger) { number in
        try await database.value(
          "INSERT INTO ledger VALUES (\(number), 1 / (\(number) - \(number))) RETURNING number")
      }
    case .transaction:
      await ledger.note(.transaction) { number in
        try await database.transaction { tx in
          async let first = tx.execute("INSERT INTO ledger VALUES (\(number), 1)")
          async let second: Int? = tx.value(
            "INSERT INTO ledger VALUES (\(number), 2) RETURNING number")
          return try await (first, second).1
        }
      }
    case .refusedTransaction:
      await refused("22012", .transaction, ledger) { number in
        try await database.transaction { tx in
          try await tx.execute("INSERT INTO ledger VALUES (\(number), 1)")
          return try await tx.value("SELECT 1 / (\(number) - \(number))")
        }
      }
    case .savepoints:
      await ledger.note(.transaction) { number in
        try await database.transaction { tx in
          try await tx.execute("INSERT INTO ledger VALUES (\(number), 1)")
          do {
            try await tx.savepoint { tx in
              try await tx.execute("INSERT INTO ledger VALUES (\(number), 3)")
              try await tx.execute("SELECT 1 / (\(number) - \(number))")
            }
            ledger.note("call \(number) divided by zero")
          } catch PostgresError.refused(sqlState: "22012", _, _, _) {}
          return try await tx.savepoint { tx in
            try await tx.value("INSERT INTO ledger VALUES (\(number), 2) RETURNING number")
          }
        }
      }
    case .putOff:
      await ledger.note(.transaction) { number in
        try await database.transaction { tx in
          for part in 1...2 {
            try await tx.send("INSERT INTO ledger VALUES (\(number), \(part))")
          }
          return number
        }
      }
    case .refusedPutOff:
      await refused("22012", .transaction, ledger) { number in
        try await database.transaction { tx in
          try await tx.send("INSERT INTO ledger VALUES (\(number), 1)")
          try await tx.send("SELECT 1 / (\(number) - \(number))")
          return number
        }
      }
    }
  }

  /// Makes a call that the server refuses if it gets there, with `sqlState` and nothing else.
  private static func refused(
    _ sqlState: String, _ kind: Ledger.Kind, _ ledger: Ledger,
    _ body: (Int) async throws -> Int?
  ) async {
    let ending = await ledger.note(kind) { number in
      do {
        return try await body(number)
      } catch let error as PostgresError {
        if let found = error.sqlState, found != sqlState {
          ledger.note("call \(number) was refused with \(error)")
        }
        throw error
      }
    }
    if ending == .answered { ledger.note("a \(kind) that cannot be answered was") }
  }
}

/// Sebastiano Vigna's SplitMix64: the same numbers for the same seed.
struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
