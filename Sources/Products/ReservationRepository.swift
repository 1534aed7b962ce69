import Postgres
import ServiceKit
import SharedKernel

/// Reservations in PostgreSQL. Locks are taken in one order everywhere: the reservation's row, then
/// stock rows by ascending variant.
struct ReservationRepository: ReservationStore {
  let runner: any SQLRunner
  let outbox: Outbox

  var movements: StockMovementRepository { StockMovementRepository(runner: runner) }

  func reservation(_ id: OrderID) async throws -> Reservation? {
    try await read(id, lock: "")
  }

  func locked(_ id: OrderID) async throws -> Reservation? {
    try await read(id, lock: "FOR UPDATE")
  }

  private func read(_ id: OrderID, lock: SQL) async throws -> Reservation? {
    let head = try await runner.first(
      "SELECT state, expires_at, version FROM reservations WHERE order_id = \(id) \(lock)"
    ) { row in
      (
        state: try row.next(as: String.self), expiresAt: try row.next(as: Timestamp.self),
        version: try row.next(as: Int.self)
      )
    }
    guard let head else { return nil }
    let lines = try await runner.query(
      """
      SELECT variant_id, quantity, fulfilled FROM reservation_lines
      WHERE order_id = \(id) ORDER BY variant_id
      """
    ) { row in
      (
        line: ReservationLine(variantId: try row.next(), quantity: try row.next()),
        fulfilled: try row.next(as: Int.self)
      )
    }
    guard let state = Reservation.State(rawValue: head.state) else {
      throw PostgresError.invalid("a reservation is in the unknown state \(head.state)")
    }
    return Reservation(
      orderID: id, state: state, expiresAt: head.expiresAt, lines: lines.map(\.line),
      fulfilled: Dictionary(
        lines.map { ($0.line.variantId, $0.fulfilled) }, uniquingKeysWith: { first, _ in first }),
      version: head.version)
  }

  func insert(
    _ id: OrderID, state: Reservation.State, lines: [ReservationLine], expiresAt: Timestamp
  ) async throws -> Bool {
    let inserted = try await runner.execute(
      """
      INSERT INTO reservations (order_id, state, expires_at, lines_hash)
      VALUES (\(id), \(state.rawValue), \(expiresAt), \(Self.hash(lines)))
      ON CONFLICT DO NOTHING
      """)
    guard inserted == 1 else { return false }
    guard !lines.isEmpty else { return true }
    let variants = lines.map(\.variantId)
    let known: [Int] = try await runner.values(
      "SELECT variant_id FROM stock WHERE variant_id = ANY(\(variants.tenOrMore))")
    let unknown = variants.filter { !known.contains($0) }
    guard unknown.isEmpty else { throw ReservationError.unknownVariants(unknown) }
    try await runner.send(
      """
      INSERT INTO reservation_lines (order_id, variant_id, quantity)
      SELECT \(id), line.variant, line.quantity
      FROM \(Self.table(lines)) AS line (variant, quantity)
      """)
    return true
  }

  func take(_ lines: [ReservationLine]) async throws -> [Shortage] {
    let wanted = Dictionary(uniqueKeysWithValues: lines.map { ($0.variantId, $0.quantity) })
    try await lock(lines)
    let moved = try await change(
      lines, sign: 1,
      where: """
        NOT EXISTS (
          SELECT FROM stock s, \(Self.table(lines)) AS wanted (variant, quantity)
          WHERE s.variant_id = wanted.variant AND s.on_hand - s.reserved < wanted.quantity)
        """)
    guard moved.count == lines.count else {
      let shortages = try await shortages(of: wanted)
      guard !shortages.isEmpty else { throw PostgresError.invalid("stock is there, but not taken") }
      return shortages
    }
    for stock in moved where stock.hasBecomeLow(by: -(wanted[stock.variantID] ?? 0)) {
      try await stock.tellLow(to: outbox, in: runner)
    }
    return []
  }

  func giveBack(_ lines: [ReservationLine]) async throws {
    try await lock(lines)
    _ = try await change(lines, sign: -1)
  }

  /// A multi-row UPDATE locks in the order of its plan, so the rows are locked first. It goes with the next
  /// statement: who waits for the same units waits for one round trip less.
  private func lock(_ lines: [ReservationLine]) async throws {
    try await runner.send(
      """
      SELECT FROM stock
      WHERE variant_id = ANY(\(lines.map(\.variantId).tenOrMore)) ORDER BY variant_id FOR UPDATE
      """)
  }

  private func change(
    _ lines: [ReservationLine], sign: Int, where condition: SQL = "true"
  ) async throws -> [MovedStock] {
    try await runner.query(
      """
      UPDATE stock SET reserved = reserved + \(sign) * line.quantity, version = stock.version + 1
      FROM \(Self.table(lines)) AS line (variant, quantity), variants v
      WHERE stock.variant_id = line.variant AND v.id = line.variant AND \(condition)
      RETURNING \(MovedStock.columns)
      """, MovedStock.init(row:))
  }

  /// Of units whose stock is locked.
  private func shortages(of wanted: [Int: Int]) async throws -> [Shortage] {
    try await runner.query(
      """
      SELECT variant_id, on_hand - reserved FROM stock
      WHERE variant_id = ANY(\(Array(wanted.keys).tenOrMore)) ORDER BY variant_id
      """
    ) { row in
      let variant: Int = try row.next()
      return Shortage(
        variantID: variant, wanted: wanted[variant] ?? 0, available: try row.next())
    }.filter { $0.available < $0.wanted }
  }

  /// The lines as rows of two columns.
  private static func table(_ lines: [ReservationLine]) -> SQL {
    "unnest(\(lines.map(\.variantId)), \(lines.map(\.quantity)))"
  }

  func save(
    _ reservation: Reservation, state: Reservation.State, expiresAt: Timestamp
  ) async throws -> Reservation {
    try await runner.send(
      """
      UPDATE reservations SET state = \(state.rawValue), expires_at = \(expiresAt),
        version = version + 1, updated_at = now()
      WHERE order_id = \(reservation.orderID)
      """)
    var saved = reservation
    saved.state = state
    saved.expiresAt = expiresAt
    saved.version += 1
    if state != .refused {
      struct Data: Encodable {
        let orderId: OrderID
        let lines: [ReservationLine]
      }
      try await outbox.append(
        EventDraft(
          type: "reservation.\(state.rawValue)", subject: "\(reservation.orderID)",
          version: saved.version,
          data: Data(orderId: reservation.orderID, lines: reservation.lines)),
        in: runner)
    }
    return saved
  }

  func units(ofFulfilment shipment: ShipmentID) async throws -> [ReservationLine] {
    try await movements.units(movedFor: .shipment(shipment))
  }

  func saveFulfilment(
    _ shipment: ShipmentID, of reservation: Reservation, _ lines: [ReservationLine], actor: String
  ) async throws -> Reservation {
    try await lock(lines)
    try await runner.send(
      """
      UPDATE stock SET on_hand = on_hand - line.quantity, reserved = reserved - line.quantity,
        version = stock.version + 1
      FROM \(Self.table(lines)) AS line (variant, quantity)
      WHERE stock.variant_id = line.variant
      """)
    try await runner.send(
      """
      UPDATE reservation_lines SET fulfilled = fulfilled + line.quantity
      FROM \(Self.table(lines)) AS line (variant, quantity)
      WHERE order_id = \(reservation.orderID) AND variant_id = line.variant
      """)
    try await movements.add(lines, sign: -1, .shipped, for: .shipment(shipment), actor: actor)
    try await runner.send(
      """
      UPDATE reservations SET state = \(reservation.state.rawValue), version = version + 1,
        updated_at = now()
      WHERE order_id = \(reservation.orderID)
      """)
    var saved = reservation
    saved.version += 1
    struct Data: Encodable {
      let orderId: OrderID
      let shipmentId: ShipmentID
      /// What left the house now.
      let lines: [ReservationLine]
    }
    try await outbox.append(
      EventDraft(
        type: "reservation.fulfilled", subject: "\(reservation.orderID)", version: saved.version,
        data: Data(orderId: reservation.orderID, shipmentId: shipment, lines: lines)),
      in: runner)
    return saved
  }

  private static func hash(_ lines: [ReservationLine]) -> [UInt8] {
    let text = lines.map { "\($0.variantId):\($0.quantity)" }.joined(separator: ",")
    return sha256(Array(text.utf8))
  }
}

/// Frees holds whose time has run out.
struct ReservationExpirer: Sendable {
  static let batchMax = 100
  static let interval: Duration = .seconds(5)

  let database: Database
  let outbox: Outbox

  func run() async throws {
    while true {
      let due = try await database.values(
        """
        SELECT order_id FROM reservations WHERE state = 'held' AND expires_at <= now()
        ORDER BY expires_at LIMIT \(Self.batchMax)
        """, as: OrderID.self)
      // One transaction each, so that this never holds two reservations' locks.
      for id in due {
        try await database.transaction { transaction in
          try await ReservationService(
            store: ReservationRepository(runner: transaction, outbox: outbox)
          ).expire(id, now: .now())
        }
      }
      if due.count < Self.batchMax { try await Task.sleep(for: Self.interval) }
    }
  }
}
