import SharedKernel

/// What reservations are kept in; all of it within one transaction, the reservation's row locked
/// before any stock row.
protocol ReservationStore: Sendable {
  func reservation(_ id: OrderID) async throws -> Reservation?
  /// The locked row.
  func locked(_ id: OrderID) async throws -> Reservation?
  /// Inserts a row in `state` without stock; false when there is one already.
  func insert(
    _ id: OrderID, state: Reservation.State, lines: [ReservationLine], expiresAt: Timestamp
  ) async throws -> Bool
  /// Locks the lines' stock by ascending variant and takes it; returns what is short, and then takes
  /// nothing.
  func take(_ lines: [ReservationLine]) async throws -> [Shortage]
  func giveBack(_ lines: [ReservationLine]) async throws
  /// Saves state and expiry, raises the version, and tells of it by an event.
  func save(_ reservation: Reservation, state: Reservation.State, expiresAt: Timestamp) async throws
    -> Reservation
  /// What a fulfilment has shipped; empty if there is none of this id.
  func units(ofFulfilment shipment: ShipmentID) async throws -> [ReservationLine]
  /// Takes the lines' units out of the house, with their movements and an event; `reservation` is as
  /// it is after that.
  func saveFulfilment(
    _ shipment: ShipmentID, of reservation: Reservation, _ lines: [ReservationLine], actor: String
  ) async throws -> Reservation
}

/// What a command on a reservation ended in. A refusal is a value, not an error: what it has
/// written must be committed.
enum ReservationOutcome: Sendable {
  case reserved(Reservation, isNew: Bool)
  case refused(ReservationError)
}

/// Reservations' use cases. Every command may be repeated: it then finds its work done.
struct ReservationService: Sendable {
  let store: any ReservationStore

  func reservation(_ id: OrderID) async throws -> Reservation {
    guard let reservation = try await store.reservation(id) else { throw NotFound("reservation") }
    return reservation
  }

  func hold(_ id: OrderID, _ request: HoldRequest) async throws -> ReservationOutcome {
    // The insert comes first: of two that arrive together, one waits for the other's commit.
    let isNew = try await store.insert(
      id, state: .held, lines: request.lines, expiresAt: request.expiresAt)
    if isNew {
      // The row is this transaction's own, so there is nothing to read.
      return try await perform(
        .take(then: .held, refusalIsFinal: true), Reservation(new: id, request),
        request.expiresAt, isNew: true)
    }
    guard let reservation = try await store.locked(id) else { throw NotFound("reservation") }
    do {
      return try await perform(
        try reservation.step(toHold: request), reservation, request.expiresAt)
    } catch let error as ReservationError {
      return .refused(error)
    }
  }

  func commit(_ id: OrderID) async throws -> ReservationOutcome {
    guard let reservation = try await store.locked(id) else { throw NotFound("reservation") }
    do {
      return try await perform(
        try reservation.stepToCommit(), reservation, reservation.expiresAt)
    } catch let error as ReservationError {
      return .refused(error)
    }
  }

  /// An unknown id leaves a released row behind: a hold that was under way and arrives late finds
  /// the door closed instead of taking stock for nobody.
  func release(_ id: OrderID, now: Timestamp) async throws -> ReservationOutcome {
    _ = try await store.insert(id, state: .released, lines: [], expiresAt: now)
    guard let reservation = try await store.locked(id) else { throw NotFound("reservation") }
    do {
      return try await perform(
        try reservation.stepToRelease(), reservation, reservation.expiresAt)
    } catch let error as ReservationError {
      return .refused(error)
    }
  }

  /// Ships units of a committed reservation: they leave stock, and are reserved no longer.
  ///
  /// - Parameter lines: by ascending variant.
  func fulfil(
    _ id: OrderID, _ shipment: ShipmentID, _ lines: [ReservationLine], by actor: String
  ) async throws -> ReservationOutcome {
    guard let reservation = try await store.locked(id) else { throw NotFound("reservation") }
    let known = try await store.units(ofFulfilment: shipment)
    guard known.isEmpty else {
      return known == lines ? .reserved(reservation, isNew: false) : .refused(.otherUnits)
    }
    do {
      let shipped = try reservation.fulfilling(lines)
      return .reserved(
        try await store.saveFulfilment(shipment, of: shipped, lines, actor: actor), isNew: false)
    } catch let error as ReservationError {
      return .refused(error)
    }
  }

  /// Gives back a hold whose time has run out; nothing if it was extended or settled meanwhile.
  func expire(_ id: OrderID, now: Timestamp) async throws {
    guard let reservation = try await store.locked(id), reservation.state == .held,
      reservation.expiresAt <= now
    else { return }
    try await store.giveBack(reservation.lines)
    _ = try await store.save(reservation, state: .expired, expiresAt: reservation.expiresAt)
  }

  private func perform(
    _ step: ReservationStep, _ reservation: Reservation, _ expiresAt: Timestamp,
    isNew: Bool = false
  ) async throws -> ReservationOutcome {
    switch step {
    case .keep:
      return .reserved(reservation, isNew: false)
    case .extend:
      guard expiresAt > reservation.expiresAt else { return .reserved(reservation, isNew: false) }
      return .reserved(
        try await store.save(reservation, state: .held, expiresAt: expiresAt), isNew: false)
    case .become(let state):
      return .reserved(
        try await store.save(reservation, state: state, expiresAt: reservation.expiresAt),
        isNew: false)
    case .giveBack(let hasStock):
      if hasStock { try await store.giveBack(reservation.lines) }
      return .reserved(
        try await store.save(reservation, state: .released, expiresAt: reservation.expiresAt),
        isNew: false)
    case .take(let state, let refusalIsFinal):
      let shortages = try await store.take(reservation.lines)
      guard shortages.isEmpty else {
        if refusalIsFinal {
          _ = try await store.save(reservation, state: .refused, expiresAt: reservation.expiresAt)
        }
        return .refused(.insufficientStock(shortages))
      }
      return .reserved(
        try await store.save(reservation, state: state, expiresAt: expiresAt), isNew: isNew)
    }
  }
}
