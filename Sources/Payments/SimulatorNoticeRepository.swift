import Postgres
import ServiceKit
import SharedKernel

/// The simulator's events, as they are sent to the merchant.
extension SimulatorRepository {
  func takeDueNotices(limit: Int, now: Timestamp) async throws -> [SimulatorNotice] {
    try await database.transaction { transaction in
      // Sent again after 5, 10, 20 s .. 11 min.
      let taken = try await transaction.query(
        """
        UPDATE events SET attempts = attempts + 1,
          deliver_at = \(now) + make_interval(secs => 5 * 2 ^ least(attempts, 7))
        WHERE id IN (
          SELECT id FROM events
          WHERE delivered_at IS NULL AND deliver_at <= \(now)
            AND attempts < \(SimulatorNotices.triesMax)
          ORDER BY deliver_at LIMIT \(limit) FOR UPDATE SKIP LOCKED)
        RETURNING id, key
        """
      ) { (id: try $0.next(as: UUID128.self), key: try $0.next(as: OperationID.self)) }
      var notices: [SimulatorNotice] = []
      for event in taken {
        try await finishRefund(event.key, in: transaction)
        let notice = try await transaction.first(
          """
          SELECT keys.kind, keys.outcome,
            CASE keys.kind WHEN 'authorize' THEN 'ch_' ELSE 'op_' END || keys.key::text,
            keys.decline_code, keys.amount, charges.currency
          FROM keys JOIN charges USING (authorization_id) WHERE keys.key = \(event.key)
          """
        ) {
          SimulatorNotice(
            id: event.id, operation: event.key, kind: try $0.next(), outcome: try $0.next(),
            reference: try $0.next(), declineCode: try $0.next(), amount: try $0.next(),
            currency: try $0.next())
        }
        if let notice { notices.append(notice) }
      }
      return notices
    }
  }

  func noteDelivery(of notice: UUID128, now: Timestamp) async throws {
    try await database.execute("UPDATE events SET delivered_at = \(now) WHERE id = \(notice)")
  }
}
