import Postgres
import ServiceKit
import SharedKernel

/// Reads sagas for administrators, newest first.
struct SagaOverviewRepository: SagaOverview {
  let database: Database

  private static let columns: SQL = """
    id, kind, ref_id, order_id, step, direction, state, parked_at, deadline, next_run_at, epoch, attempts,
    last_error, created_at, finished_at
    """

  private static let newestFirst = Keyset<SagaRecord>(.descending, .init("id", \.id))

  func sagas(_ filter: SagaFilter, _ page: PageRequest) async throws -> Page<SagaRecord> {
    try await database.page(
      page, named: "saga.list", by: Self.newestFirst, select: Self.columns, from: "sagas",
      where: Self.conditions(filter), countIn: database.reports, SagaRecord.init)
  }

  /// A choice of two is written out, never bound: only so does the planner find a partial index.
  static func conditions(_ filter: SagaFilter) -> [SQL] {
    var conditions: [SQL] = []
    if let kind = filter.kind { conditions.append("kind = \(kind)") }
    if let isDone = filter.isDone {
      conditions.append(isDone ? "state = 'done'" : "state = 'running'")
    }
    if let isParked = filter.isParked {
      conditions.append(isParked ? "parked_at IS NOT NULL" : "parked_at IS NULL")
    }
    if let before = filter.begunBefore { conditions.append("created_at < \(before)") }
    return conditions
  }

  func saga(_ id: ID<SagaLease>) async throws -> SagaRecord? {
    try await database.first(
      "SELECT \(Self.columns), log FROM sagas WHERE id = \(id)"
    ) { row in
      var record = try SagaRecord(&row)
      record.log = try row.json()
      return record
    }
  }

  func wake(_ id: ID<SagaLease>) async throws -> Bool {
    try await database.execute(
      """
      UPDATE sagas SET woken = true, next_run_at = now() WHERE id = \(id) AND state = 'running'
      """) == 1
  }
}

extension SagaRecord {
  init(_ row: inout Row) throws {
    id = try row.next()
    kind = try row.next()
    refId = try row.next()
    orderId = try row.next()
    step = try row.next()
    direction = try row.next()
    state = try row.next()
    parkedAt = try row.next()
    deadline = try row.next()
    nextRunAt = try row.next()
    epoch = try row.next()
    attempts = try row.next()
    lastError = try row.next()
    createdAt = try row.next()
    finishedAt = try row.next()
  }
}
