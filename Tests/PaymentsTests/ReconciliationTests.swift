import Postgres
import ServiceKit
import SharedKernel
import Testing

@testable import Payments

/// The provider's records beside the ledger.
@Suite("Reconciliation")
struct ReconciliationTests {
  private struct Report: Decodable {
    struct Difference: Decodable {
      let kind: String
      let paymentId: PaymentID?
      let reference: String?
    }
    let compared: Int
    let open: Int
    let isComplete: Bool
    let differenceCount: Int
    let differences: [Difference]
  }

  private func report(_ routes: RoutesBench, _ date: String) async throws -> Report {
    let answer = try await routes.send(
      .post, "/admin/reconciliations", as: "admin", key: "key-\(UUID128.v7())",
      body: #"{"date":"\#(date)"}"#)
    #expect(answer.status.code == 201)
    return try answer.decoded()
  }

  @Test("a day on which all is well has no differences, and each thing amiss is found")
  func differences() async throws {
    let bench = try await PaymentBench.fresh()
    let routes = try await RoutesBench(bench)
    let date = String("\(bench.clock.now)".prefix(10))
    let changed = try await bench.captured()
    let lost = try await bench.captured()
    let cancelled = try await bench.captured()
    _ = try await bench.service().close(cancelled.id)
    await #expect(throws: PaymentError.self) { try await bench.authorize(.stolenCard) }
    let refunding = try await bench.captured(.refundPending)
    _ = try await bench.service().refund(refunding.id, .new(), amount: 1)
    let good = try await report(routes, date)
    #expect(good.differenceCount == 0)
    #expect((good.compared, good.open) == (4, 1))
    #expect(good.isComplete)

    for (payment, change) in [
      (changed, "UPDATE sim.charges SET captured = captured - 1"),
      (lost, "DELETE FROM sim.charges"),
    ] as [(Payment, SQL)] {
      try await bench.admin.execute(
        "\(change) WHERE authorization_id = \(payment.authorization?.id)")
    }
    try await bench.admin.execute(
      """
      INSERT INTO sim.charges (authorization_id, token, amount, currency, state, created_at)
      VALUES (gen_random_uuid(), 'tok_ok', 7, 'USD', 'authorized', \(bench.clock.now))
      """)
    let found = try await report(routes, date)
    #expect(found.differenceCount == 3)
    #expect(
      Dictionary(grouping: found.differences, by: \.kind).mapValues { $0.map(\.paymentId) }
        == [
          "amounts_differ": [changed.id], "missing_at_provider": [lost.id], "unknown_here": [nil],
        ])
    #expect(try await report(routes, "2001-01-01").differenceCount == 0)
  }

  @Test("a key that was answered is answered again without asking the provider")
  func replays() async throws {
    let bench = try await PaymentBench.fresh()
    let routes = try await RoutesBench(bench)
    let path = "/admin/reconciliations"
    let key = "key-\(UUID128.v7())"
    let body = #"{"date":"2026-11-28"}"#
    let first = try await routes.send(.post, path, as: "admin", key: key, body: body)
    #expect(first.status.code == 201)
    #expect(!first.fields.contains("Idempotent-Replayed"))
    try await bench.admin.execute("ALTER TABLE sim.charges RENAME TO charges_away")
    let again = try await routes.send(.post, path, as: "admin", key: key, body: body)
    #expect(again.status.code == 201)
    #expect(again.fields["Idempotent-Replayed"] == "true")
    #expect(again.body == first.body)
    let other = try await routes.send(
      .post, path, as: "admin", key: key, body: #"{"date":"2026-11-27"}"#)
    #expect(other.problemKind == .idempotencyKeyReused)
    let new = try await routes.send(
      .post, path, as: "admin", key: "key-\(UUID128.v7())", body: body)
    #expect(new.status.code == 500)
  }

  @Test("it is for administrators, needs a key, and a day")
  func refused() async throws {
    let routes = try await RoutesBench()
    let key = "key-\(UUID128.v7())"
    let body = #"{"date":"2026-11-28"}"#
    let path = "/admin/reconciliations"
    #expect(
      try await routes.send(.post, path, as: RoutesBench.staff, key: key, body: body).status.code
        == 403)
    #expect(
      try await routes.send(.post, path, as: "admin", body: body).problemKind
        == .idempotencyKeyRequired)
    for date in ["yesterday", "2026-13-01", "2026-11-28T00:00:00Z"] {
      let answer = try await routes.send(
        .post, path, as: "admin", key: key, body: #"{"date":"\#(date)"}"#)
      #expect(answer.problemKind == .validationFailed)
    }
  }
}
