import Glibc
import Postgres

/// An order with three lines and its event, written in three ways. The values are made up; tables,
/// constraints and indexes are the order service's.
struct BenchOrder {
  struct Line {
    let id: SQLUUID
    let position: Int32
    let variantID: Int
    let quantity: Int32
    let unitAmount = 1_999
    var name: String { "Product number \(variantID)" }
    var sku: String { "SKU-\(variantID)" }
  }

  let id: SQLUUID
  let paymentID: SQLUUID
  let eventID: SQLUUID
  let key: String
  let fingerprint = [UInt8](repeating: 7, count: 32)
  let lines: [Line]
  var total: Int { lines.reduce(0) { $0 + Int($1.quantity) * $1.unitAmount } }

  static func new(using random: inout SplitMix64) -> BenchOrder {
    let first = Int.random(in: 1...90_000, using: &random)
    return BenchOrder(
      id: SQLUUID(using: &random), paymentID: SQLUUID(using: &random),
      eventID: SQLUUID(using: &random), key: "\(random.next())",
      lines: (0..<3).map {
        Line(
          id: SQLUUID(using: &random), position: Int32($0), variantID: first + $0,
          quantity: Int32($0) + 1)
      })
  }

  /// BEGIN goes with the first statement, as it does for every transaction of the module: six round
  /// trips.
  nonisolated(nonsending) func insertOneByOne(in database: Database) async throws {
    try await database.transaction { transaction in
      try await transaction.execute(order)
      for line in lines { try await transaction.execute(statement(for: line)) }
      try await transaction.execute(event)
    }
  }

  /// Two round trips: all statements at once, then COMMIT.
  nonisolated(nonsending) func insertPipelined(in database: Database) async throws {
    try await database.transaction { transaction in
      // The children run on this loop in the order in which they were made.
      async let order = transaction.execute(order)
      async let first = transaction.execute(statement(for: lines[0]))
      async let second = transaction.execute(statement(for: lines[1]))
      async let third = transaction.execute(statement(for: lines[2]))
      async let event = transaction.execute(event)
      _ = try await (order, first, second, third, event)
    }
  }

  /// One round trip.
  nonisolated(nonsending) func insertAsOneStatement(in database: Database) async throws {
    try await database.execute(
      """
      WITH accepted AS (\(order)),
      lines AS (
        \(Self.lineInsert) \(values(of: lines[0])), \(values(of: lines[1])), \(values(of: lines[2]))
      )
      \(event)
      """)
  }

  private var order: SQL {
    """
    INSERT INTO orders (id, principal, idem_key, fingerprint, capture_mode, email, currency, subtotal,
      total, payment_id, state)
    VALUES (\(id), 'anon', \(key), \(fingerprint), 'automatic', 'buyer@example.com', 'EUR', \(total),
      \(total), \(paymentID), 'pending')
    """
  }

  private func statement(for line: Line) -> SQL { "\(Self.lineInsert) \(values(of: line))" }

  private static let lineInsert: SQL = """
    INSERT INTO order_lines (id, order_id, position, variant_id, product_id, name, sku, unit_amount,
      quantity, total)
    VALUES
    """

  private func values(of line: Line) -> SQL {
    """
    (\(line.id), \(id), \(line.position), \(line.variantID), \(line.variantID), \(line.name),
      \(line.sku), \(line.unitAmount), \(line.quantity), \(line.unitAmount * Int(line.quantity)))
    """
  }

  private var event: SQL {
    """
    INSERT INTO outbox (event_id, type, subject, version, data)
    VALUES (\(eventID), 'order.created', \(key), \(1), \(JSONText("{\"total\": \(total)}")))
    """
  }
}

extension SQLUUID {
  /// Of version 7 (RFC 9562), as the services make them: their indexes grow at one end.
  fileprivate init(using random: inout SplitMix64) {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let milliseconds = UInt64(time.tv_sec * 1000 + time.tv_nsec / 1_000_000)
    self.init(
      high: milliseconds << 16 | 0x7000 | random.next() & 0x0fff,
      low: 0x8000_0000_0000_0000 | random.next() >> 2)
  }
}
