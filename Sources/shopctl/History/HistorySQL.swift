import Postgres
import ServiceKit
import SharedKernel

/// Writes amounts in minor units as people do, within a statement: "USD 1000.00".
struct HistoryMoney: Sendable {
  private let prefix: String
  private let exponent: Int

  /// - Parameter currency: an ISO 4217 code; one that nobody knows is written in minor units.
  init(currency code: String) {
    exponent = Currency(code)?.exponent ?? 0
    prefix = "\(code) "
  }

  func callAsFunction(_ amount: SQL) -> SQL {
    let divisor = (0..<exponent).reduce(1) { power, _ in power * 10 }
    return """
      (\(prefix)::text
        || round((\(amount))::numeric / \(constant: divisor), \(constant: exponent))::text)
      """
  }
}

/// The statements that an order's history is read by. Personal data (name, address, e-mail) is not.
enum HistorySQL {
  static func head(_ order: UUID128, _ money: HistoryMoney) -> SQL {
    """
    SELECT o.id::text, o.number, o.state,
      o.cancel_reason || coalesce(': ' || o.decline_code, ''), o.user_id IS NULL,
      \(money("o.total")), \(money("o.authorized")), \(money("o.captured")), \(money("o.refunded")),
      o.payment_id::text, p.state, r.state, (
        SELECT format('%s saga at %s, %s attempts, goes on at %s%s', s.kind, s.step, s.attempts,
          to_char(s.next_run_at AT TIME ZONE 'UTC', 'HH24:MI:SS'),
          coalesce(', ' || s.last_error, ''))
        FROM orders.sagas s WHERE s.order_id = o.id AND s.state = 'running' LIMIT 1)
    FROM orders.orders o LEFT JOIN payment.payments p ON p.id = o.payment_id
      LEFT JOIN product.reservations r ON r.order_id = o.id
    WHERE o.id = \(order)
    """
  }

  static func lines(_ order: UUID128, _ money: HistoryMoney) -> SQL {
    """
    SELECT quantity, name, sku, \(money("total")) FROM orders.order_lines
    WHERE order_id = \(order) ORDER BY position
    """
  }

  /// All that happened, in the order of time; what happened in the same microsecond, in that of `place`.
  ///
  /// - Parameter isSimulated: whether the simulated provider's tables are there.
  static func moments(_ order: UUID128, _ money: HistoryMoney, isSimulated: Bool) -> SQL {
    let parts: [SQL] =
      [states, sagas, stock, followUps(money), operations(money), ledger(money), notices]
      + (isSimulated ? [provider(money)] : []) + Self.events
    return """
      WITH o AS (SELECT * FROM orders.orders WHERE id = \(order)),
        p AS (SELECT payments.* FROM payment.payments JOIN o ON payments.id = o.payment_id)
      SELECT to_char(moment.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS'),
        (extract(epoch FROM moment.at - (SELECT created_at FROM o)) * 1000)::int8, teller, what
      FROM (\(SQL.joined(parts, separator: " UNION ALL "))) AS moment (at, place, teller, what)
      ORDER BY moment.at, place
      """
  }

  private static let states: SQL = """
    SELECT h.at, -1, 'order', coalesce(h.from_state || ' -> ', '') || h.to_state || ', by '
      || h.actor || coalesce(': ' || h.reason, '')
    FROM o JOIN orders.order_history h ON h.order_id = o.id
    """

  /// The saga's log has each step begun and each call that told nothing, with the epoch of who ran it.
  private static let sagas: SQL = """
    SELECT s.created_at, 0, 'saga', s.kind || ' begun' FROM o JOIN orders.sagas s ON s.order_id = o.id
    UNION ALL
    SELECT (entry.line->>'at')::timestamptz, 1000 + entry.number, 'saga',
      s.kind || ' ' || (entry.line->>'step') || ' ' || (entry.line->>'what')
        || ' (epoch ' || (entry.line->>'epoch') || ')'
    FROM o JOIN orders.sagas s ON s.order_id = o.id,
      jsonb_array_elements(s.log) WITH ORDINALITY AS entry (line, number)
    UNION ALL
    SELECT s.finished_at, 2000, 'saga', s.kind || ' done'
    FROM o JOIN orders.sagas s ON s.order_id = o.id WHERE s.finished_at IS NOT NULL
    """

  private static let stock: SQL = """
    SELECT m.at, m.id, 'stock', format('variant %s: %s units %s', m.variant_id, m.delta, m.reason)
    FROM o JOIN product.stock_movements m ON m.ref_id = o.id::text
      OR (m.ref_type = 'shipment'
        AND m.ref_id IN (SELECT id::text FROM orders.shipments WHERE order_id = o.id))
      OR (m.ref_type = 'refund'
        AND m.ref_id IN (SELECT id::text FROM orders.refunds WHERE order_id = o.id))
    """

  private static func followUps(_ money: HistoryMoney) -> SQL {
    """
    SELECT s.created_at, -1, 'order', format('shipment by %s, %s: %s units; now %s%s', s.carrier,
      s.tracking_number, (SELECT sum(quantity) FROM orders.shipment_lines WHERE shipment_id = s.id),
      s.state, coalesce(': ' || s.failure || coalesce(' ' || s.decline_code, ''), ''))
      || CASE WHEN s.share > 0 THEN ', captures ' || \(money("s.share")) ELSE '' END
    FROM o JOIN orders.shipments s ON s.order_id = o.id
    UNION ALL
    SELECT s.delivered_at, -1, 'order', format('shipment %s delivered', s.tracking_number)
    FROM o JOIN orders.shipments s ON s.order_id = o.id WHERE s.delivered_at IS NOT NULL
    UNION ALL
    SELECT r.created_at, -1, 'order', 'refund of ' || \(money("r.amount"))
      || coalesce(', ' || (SELECT sum(quantity) FROM orders.refund_lines WHERE refund_id = r.id)
        || ' units', '') || CASE WHEN r.restock THEN ' to restock' ELSE '' END
      || '; now ' || r.state || coalesce(': ' || r.failure || coalesce(' ' || r.decline_code, ''), '')
    FROM o JOIN orders.refunds r ON r.order_id = o.id
    """
  }

  private static func operations(_ money: HistoryMoney) -> SQL {
    """
    SELECT p.created_at, 0, 'payment', 'accepted: ' || \(money("p.amount")) FROM p
    UNION ALL
    SELECT q.created_at, 1, 'payment', q.kind || ' ' || \(money("q.amount")) || ' recorded; now '
      || q.state || coalesce(': ' || q.decline_code, '')
      || CASE WHEN q.attempts > 0 THEN ', asked again ' || q.attempts || ' times' ELSE '' END
    FROM p JOIN payment.payment_operations q ON q.payment_id = p.id
    """
  }

  /// What the simulated provider remembers of its own.
  private static func provider(_ money: HistoryMoney) -> SQL {
    """
    SELECT k.created_at, 2, 'provider', k.kind || ' ' || \(money("k.amount")) || ': ' || k.outcome
      || coalesce(', ' || k.decline_code, '')
      || CASE WHEN k.attempts > 1 THEN ', asked ' || k.attempts || ' times' ELSE '' END
    FROM p JOIN payment.payment_operations q ON q.payment_id = p.id JOIN sim.keys k ON k.key = q.id
    """
  }

  private static func ledger(_ money: HistoryMoney) -> SQL {
    """
    SELECT j.at, 3, 'ledger', j.kind || ': ' || (
      SELECT string_agg(a.code || ' ' || \(money("e.amount")), ', ' ORDER BY e.line)
      FROM payment.ledger_entries e JOIN payment.ledger_accounts a ON a.id = e.account_id
      WHERE e.journal_id = j.id)
    FROM p JOIN payment.ledger_journals j ON j.payment_id = p.id
    """
  }

  private static let notices: SQL = """
    SELECT n.created_at, 5, 'notice', n.type || ' queued for ' || split_part(n.recipient, ':', 1)
      || ' by ' || n.channel
    FROM o JOIN notification.notifications n ON n.params->>'orderId' = o.id::text
    UNION ALL
    SELECT n.sent_at, 6, 'notice', n.type || ' ' || n.state || ' by ' || n.channel
      || CASE WHEN n.attempts > 1 THEN ', tried ' || n.attempts || ' times' ELSE '' END
    FROM o JOIN notification.notifications n ON n.params->>'orderId' = o.id::text
    WHERE n.sent_at IS NOT NULL
    """

  private static let events: [SQL] = ["order", "payment", "product"].compactMap { short in
    ServiceEntry.all.first { $0.short == short }
  }.map { source -> SQL in
    """
    SELECT e.created_at, 4, 'event', e.type || ', version ' || e.version || ', position '
      || coalesce(e.position::text, 'not yet') || ' of ' || \(source.short)::text
    FROM o JOIN \(identifier: source.schema).outbox e
      ON e.subject = o.id::text OR e.subject = o.payment_id::text
    """
  }
}
