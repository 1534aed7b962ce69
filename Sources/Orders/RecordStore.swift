import SharedKernel

/// A table of what staff make, change and remove: shipping methods, tax rates, coupons.
protocol RecordStore<Key, Draft, Record>: Sendable {
  associatedtype Key: LosslessStringConvertible & Sendable
  /// What staff say of a record, checked.
  associatedtype Draft: Sendable
  associatedtype Record: Sendable

  func record(_ key: Key) async throws -> Record?
  func records(_ page: PageRequest) async throws -> Page<Record>
  /// - Throws: `RecordError.duplicate`.
  func insert(_ draft: Draft) async throws -> Record
  /// - Returns: nil, with nothing changed, if the record is not at `version` any more.
  /// - Throws: as `insert`.
  func update(_ key: Key, at version: Int, to draft: Draft) async throws -> Record?
  /// - Returns: false, with nothing changed, if the record is not at `version` any more.
  /// - Throws: `RecordError.inUse`.
  func remove(_ key: Key, at version: Int) async throws -> Bool
}

enum RecordError: Failure, Hashable {
  /// There is another with the same value in that field.
  case duplicate(field: String)
  case inUse(String)
  case changedMeanwhile

  var kind: FailureKind {
    switch self {
    case .duplicate: .duplicateResource
    case .inUse: .resourceInUse
    case .changedMeanwhile: .preconditionFailed
    }
  }

  var detail: String {
    switch self {
    case .duplicate(let field): "There is one with this \(field) already."
    case .inUse(let why): why
    case .changedMeanwhile: "Somebody has just changed this."
    }
  }

  var members: [String: FailureValue] {
    if case .duplicate(let field) = self { ["field": .text(field)] } else { [:] }
  }
}
