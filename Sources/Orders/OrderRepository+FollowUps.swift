import Postgres
import SharedKernel

/// Shipments and refunds as parts of their orders.
extension OrderRepository {
  func shipments(of orders: [OrderID]) async throws -> [OrderID: [Shipment]] {
    async let lines = units(
      """
      SELECT p.shipment_id, p.line_id, p.quantity FROM shipment_lines p
        JOIN shipments s ON s.id = p.shipment_id JOIN order_lines l ON l.id = p.line_id
      WHERE s.order_id = ANY(\(orders.tenOrMore)) ORDER BY l.position
      """)
    let rows = try await database.query(
      """
      SELECT order_id, id, state, carrier, tracking_number, tracking_url, share, failure,
        decline_code, created_at, shipped_at, delivered_at
      FROM shipments WHERE order_id = ANY(\(orders.tenOrMore)) ORDER BY created_at, id
      """
    ) { (order: try $0.next(as: OrderID.self), shipment: try Shipment(&$0)) }
    let linesOf = try await lines
    return Dictionary(grouping: rows, by: \.order).mapValues { rows in
      rows.map { $0.shipment.holding(linesOf[$0.shipment.id.uuid, default: []]) }
    }
  }

  func refunds(of orders: [OrderID]) async throws -> [OrderID: [Refund]] {
    async let lines = units(
      """
      SELECT p.refund_id, p.line_id, p.quantity FROM refund_lines p
        JOIN refunds r ON r.id = p.refund_id JOIN order_lines l ON l.id = p.line_id
      WHERE r.order_id = ANY(\(orders.tenOrMore)) ORDER BY l.position
      """)
    let rows = try await database.query(
      """
      SELECT r.order_id, r.id, r.state, o.currency, r.amount, r.restock, r.reason, r.failure,
        r.decline_code, r.created_at, r.finished_at
      FROM refunds r JOIN orders o ON o.id = r.order_id
      WHERE r.order_id = ANY(\(orders.tenOrMore)) ORDER BY r.created_at, r.id
      """
    ) { (order: try $0.next(as: OrderID.self), refund: try Refund(&$0)) }
    let linesOf = try await lines
    return Dictionary(grouping: rows, by: \.order).mapValues { rows in
      rows.map { $0.refund.holding(linesOf[$0.refund.id.uuid, default: []]) }
    }
  }

  private func units(_ statement: SQL) async throws -> [UUID128: [Units]] {
    let rows = try await database.query(statement) {
      (
        of: try $0.next(as: UUID128.self),
        units: Units(lineId: try $0.next(), quantity: try $0.next())
      )
    }
    return Dictionary(grouping: rows, by: \.of).mapValues { $0.map(\.units) }
  }
}

extension Shipment.Status: SQLEncodable, SQLDecodable {}
extension Refund.Status: SQLEncodable, SQLDecodable {}
extension FollowUpFailure.Reason: SQLEncodable, SQLDecodable {}

extension Shipment {
  fileprivate init(_ row: inout Row) throws {
    id = try row.next()
    status = try row.next()
    tracking = Tracking(
      carrier: try row.next(), trackingNumber: try row.next(), trackingUrl: try row.next())
    share = try row.next()
    failure = try FollowUpFailure(&row)
    createdAt = try row.next()
    shippedAt = try row.next()
    deliveredAt = try row.next()
    lines = []
  }

  fileprivate func holding(_ lines: [Units]) -> Shipment {
    Shipment(
      id: id, status: status, tracking: tracking, lines: lines, share: share, failure: failure,
      createdAt: createdAt, shippedAt: shippedAt, deliveredAt: deliveredAt)
  }
}

extension Refund {
  fileprivate init(_ row: inout Row) throws {
    id = try row.next()
    status = try row.next()
    let currency: Currency = try row.next()
    amount = try row.money(currency)
    restocks = try row.next()
    reason = try row.next()
    failure = try FollowUpFailure(&row)
    createdAt = try row.next()
    finishedAt = try row.next()
    lines = []
  }

  fileprivate func holding(_ lines: [Units]) -> Refund {
    Refund(
      id: id, status: status, amount: amount, lines: lines, restocks: restocks, reason: reason,
      failure: failure, createdAt: createdAt, finishedAt: finishedAt)
  }
}

extension FollowUpFailure {
  /// nil for what has not failed.
  fileprivate init?(_ row: inout Row) throws {
    let reason: Reason? = try row.next()
    let declineCode: String? = try row.next()
    guard let reason else { return nil }
    self.init(reason: reason, declineCode: declineCode)
  }
}
