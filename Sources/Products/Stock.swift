import SharedKernel

/// How much of a variant there is.
struct StockLevel: Sendable, Encodable {
  let variantId: Int
  let onHand: Int
  let reserved: Int
  let available: Int
  let lowStockAt: Int
  let version: Int

  init(variantId: Int, onHand: Int, reserved: Int, lowStockAt: Int, version: Int) {
    self.variantId = variantId
    self.onHand = onHand
    self.reserved = reserved
    available = onHand - reserved
    self.lowStockAt = lowStockAt
    self.version = version
  }
}

/// A change of what lies in the warehouse.
struct StockAdjustment: Sendable {
  enum Amount: Sendable {
    case by(Int)
    /// Compare and set, after a count.
    case to(Int, expected: Int)
  }
  enum Reason: String, Codable, Sendable {
    case received, counted, damaged, returned, other
  }
  static let unitsMax = 1_000_000

  let amount: Amount
  let reason: Reason
  let note: String?

  /// - Throws: `ValidationFailure`.
  init(amount: Amount, reason: Reason, note: String?) throws(ValidationFailure) {
    self.amount = amount
    self.reason = reason
    self.note = note
    var validation = Validation()
    switch amount {
    case .by(let delta):
      validation.require(
        delta != 0 && (-Self.unitsMax...Self.unitsMax).contains(delta), "/delta", "out_of_range",
        "must be ±1 to ±\(Self.unitsMax)")
    case .to(let units, let expected):
      validation.require(
        (0...Self.unitsMax).contains(units), "/setTo", "out_of_range",
        "must be 0 to \(Self.unitsMax)"
      )
      validation.require(expected >= 0, "/expectedOnHand", "out_of_range")
    }
    if let note { validation.requireText(note, "/note", length: 1...500) }
    try validation.finish()
  }

  /// By how many units `level` changes.
  ///
  /// - Throws: `StockError` when the count was of another level, or less would remain than is
  ///   reserved.
  func delta(on level: StockLevel) throws(StockError) -> Int {
    let delta: Int
    switch amount {
    case .by(let units): delta = units
    case .to(let units, let expected):
      guard level.onHand == expected else { throw .countedOtherLevel(onHand: level.onHand) }
      delta = units - level.onHand
    }
    guard level.onHand + delta >= level.reserved else {
      throw .belowReserved(reserved: level.reserved)
    }
    return delta
  }
}

/// One entry of the warehouse's ledger.
struct StockMovement: Sendable, Encodable {
  let id: Int64
  let variantId: Int
  let delta: Int
  let reason: String
  let note: String?
  let actor: String
  let at: Timestamp
}

enum StockError: Failure, Hashable {
  case belowReserved(reserved: Int)
  case countedOtherLevel(onHand: Int)

  var kind: FailureKind {
    switch self {
    case .belowReserved: .stockBelowReserved
    case .countedOtherLevel: .preconditionFailed
    }
  }

  var detail: String {
    switch self {
    case .belowReserved(let reserved): "\(reserved) units are reserved for orders."
    case .countedOtherLevel(let onHand): "There are \(onHand) units now."
    }
  }

  var members: [String: FailureValue] {
    switch self {
    case .belowReserved(let reserved): ["reserved": .number(Int64(reserved))]
    case .countedOtherLevel(let onHand): ["onHand": .number(Int64(onHand))]
    }
  }
}

/// What the warehouse keeps its data in. All but the reads belong to one transaction.
protocol StockStore: Sendable {
  func level(of variantID: Int) async throws -> StockLevel?
  func lockedLevel(of variantID: Int) async throws -> StockLevel?
  func move(
    _ variantID: Int, by delta: Int, _ adjustment: StockAdjustment, actor: String
  ) async throws -> StockMovement
  func movements(of variantID: Int, _ page: PageRequest) async throws -> Page<StockMovement>
  /// Locks the variants' rows in ascending order.
  ///
  /// - Returns: those that there are.
  func lock(_ variantIDs: [Int]) async throws -> [Int]
  /// The units that came back with a refund; empty if none did.
  func units(ofRestock refund: RefundID) async throws -> [ReservationLine]
  /// Puts locked variants' units back on the shelf, with their movements and events.
  func receive(_ lines: [ReservationLine], with refund: RefundID, actor: String) async throws
}

/// The warehouse's use cases.
struct StockService: Sendable {
  let store: any StockStore

  func level(of variantID: Int) async throws -> StockLevel {
    guard let level = try await store.level(of: variantID) else { throw NotFound("variant") }
    return level
  }

  func movements(of variantID: Int, _ page: PageRequest) async throws -> Page<StockMovement> {
    try await store.movements(of: variantID, page)
  }

  /// - Throws: `StockError`.
  func adjust(
    _ variantID: Int, _ adjustment: StockAdjustment, by caller: Caller
  ) async throws -> StockMovement {
    guard let level = try await store.lockedLevel(of: variantID) else { throw NotFound("variant") }
    return try await store.move(
      variantID, by: try adjustment.delta(on: level), adjustment, actor: caller.principal)
  }

  /// Puts units that were shipped, and came back with a refund, on the shelf again; once for each
  /// refund.
  ///
  /// - Parameter lines: by ascending variant.
  /// - Throws: `ReservationError` `.unknownVariants`, `.otherUnits`.
  func restock(
    _ refund: RefundID, _ lines: [ReservationLine], by actor: String
  ) async throws -> MovedUnits {
    // Of two that arrive together, one waits here for the other's commit.
    let known = try await store.lock(lines.map(\.variantId))
    let unknown = lines.map(\.variantId).filter { !known.contains($0) }
    guard unknown.isEmpty else { throw ReservationError.unknownVariants(unknown) }
    let before = try await store.units(ofRestock: refund)
    guard before.isEmpty else {
      guard before == lines else { throw ReservationError.otherUnits }
      return MovedUnits(lines: lines)
    }
    try await store.receive(lines, with: refund, actor: actor)
    return MovedUnits(lines: lines)
  }
}
