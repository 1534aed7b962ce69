import SharedKernel

/// Sagas as an administrator sees them.
protocol SagaOverview: Sendable {
  func sagas(_ filter: SagaFilter, _ page: PageRequest) async throws -> Page<SagaRecord>
  func saga(_ id: ID<SagaLease>) async throws -> SagaRecord?
  /// Makes a running saga due now.
  ///
  /// - Returns: false if it is done.
  func wake(_ id: ID<SagaLease>) async throws -> Bool
}

struct SagaFilter: Sendable {
  var kind: SagaKind?
  var isDone: Bool?
  var isParked: Bool?
  /// Only sagas that were begun before.
  var begunBefore: Timestamp?
}

/// One saga without what is secret in it.
struct SagaRecord: Encodable, Sendable {
  let id: ID<SagaLease>
  let kind: String
  /// The order, shipment or refund that it is about.
  let refId: UUID128
  let orderId: OrderID
  let step: String
  let direction: String
  let state: String
  let parkedAt: Timestamp?
  let deadline: Timestamp?
  let nextRunAt: Timestamp
  let epoch: Int64
  let attempts: Int
  let lastError: String?
  let createdAt: Timestamp
  let finishedAt: Timestamp?
  /// The latest 100 entries, oldest first; nil in lists.
  var log: [SagaLogEntry]?
}

struct SagaLogEntry: Codable, Sendable {
  let at: String
  let epoch: Int64
  let step: String
  let what: String
}
