import HTTPMessages
import ServiceKit
import SharedKernel
import Testing

@testable import Payments

/// What staff do with payments themselves.
@Suite("Captures, refunds and cancellations by staff")
struct StaffOperationTests {
  private typealias View = RoutesBench.PaymentView

  private static func key() -> String { "key-\(UUID128.v7())" }

  private func post(
    _ routes: RoutesBench, _ id: PaymentID, _ what: String, key: String? = key(),
    as caller: String = RoutesBench.staff, _ body: String? = nil
  ) async throws -> HTTPResponse {
    try await routes.send(
      .post, "/payments/\(id)/\(what)", as: caller, key: key, body: body)
  }

  private func authorized(
    _ routes: RoutesBench, _ token: SimulatorToken = .ok
  ) async throws -> PaymentID {
    let id = PaymentID.new()
    _ = try await routes.authorize(token, id: id)
    return id
  }

  @Test("a part is captured, then the rest without an amount; each key once")
  func captures() async throws {
    let routes = try await RoutesBench()
    let id = try await authorized(routes)
    let key = Self.key()
    for replay in [false, true] {
      let captured = try await post(routes, id, "captures", key: key, #"{"amount":300}"#)
      #expect(captured.status.code == 201)
      #expect(try captured.decoded(as: View.self).captured == 300)
      #expect((captured.fields["Idempotent-Replayed"] == "true") == replay)
    }
    let rest = try await post(routes, id, "captures")
    #expect(try rest.decoded(as: View.self).captured == 1000)
    let more = try await post(routes, id, "captures")
    #expect(more.problemKind == .invalidStateTransition)
    let payment = try await routes.bench.service().existing(id)
    #expect(
      try await routes.bench.charges(of: payment)
        == [Charge(state: "authorized", captured: 1000)])
  }

  @Test("the same key with another body, kind or payment is refused")
  func keyReused() async throws {
    let routes = try await RoutesBench()
    let id = try await authorized(routes)
    let key = Self.key()
    _ = try await post(routes, id, "captures", key: key, #"{"amount":300}"#)
    for (payment, what, body) in [
      (id, "captures", #"{"amount":301}"#),
      (id, "captures", #"{"amount":300,"reason":"another"}"#),
      (id, "refunds", #"{"amount":300}"#),
      (try await authorized(routes), "captures", #"{"amount":300}"#),
    ] {
      let refused = try await post(routes, payment, what, key: key, body)
      #expect(refused.problemKind == .idempotencyKeyReused, "\(what) \(body)")
    }
    #expect(try await post(routes, id, "captures", key: nil).problemKind == .idempotencyKeyRequired)
  }

  @Test("a refund takes an amount and keeps its reason, up to what was captured")
  func refunds() async throws {
    let routes = try await RoutesBench()
    let id = try await authorized(routes)
    _ = try await post(routes, id, "captures", #"{"amount":600}"#)
    let refunded = try await post(
      routes, id, "refunds", #"{"amount":200,"reason":"late parcel"}"#)
    #expect(refunded.status.code == 201)
    #expect(try refunded.decoded(as: View.self).refunded == 200)
    let payment = try await routes.bench.service().existing(id)
    #expect(payment.operations.first { $0.kind == .refund }?.reason == "late parcel")
    let more = try await post(routes, id, "refunds", #"{"amount":401}"#)
    #expect(more.problemKind == .refundExceedsCaptured)
    #expect(more.problemBody?["refundable"] == .number("400"))
    #expect(try await post(routes, id, "refunds", "{}").problemKind == .validationFailed)
  }

  @Test("a capture that the provider declines is answered 402, and again for its key")
  func declined() async throws {
    let routes = try await RoutesBench()
    let id = try await authorized(routes, .captureFails)
    let key = Self.key()
    for replay in [false, true] {
      let refused = try await post(routes, id, "captures", key: key)
      #expect(refused.status.code == 402)
      #expect((refused.fields["Idempotent-Replayed"] == "true") == replay)
      #expect(refused.problemBody?["declineCode"]?.textValue == "capture_failed")
    }
  }

  @Test("a refund that the provider takes on is answered 202, and 201 when it is done")
  func pending() async throws {
    let routes = try await RoutesBench()
    let id = try await authorized(routes, .refundPending)
    _ = try await post(routes, id, "captures")
    let key = Self.key()
    for replay in [false, true] {
      let begun = try await post(routes, id, "refunds", key: key, #"{"amount":500}"#)
      #expect(begun.status.code == 202)
      #expect(begun.fields[.retryAfter] == "1")
      #expect((begun.fields["Idempotent-Replayed"] == "true") == replay)
    }
    routes.bench.clock.advance(.seconds(11))
    let done = try await post(routes, id, "refunds", key: key, #"{"amount":500}"#)
    #expect(done.status.code == 201)
    #expect(done.fields["Idempotent-Replayed"] == "true")
    #expect(try done.decoded(as: View.self).refunded == 500)
  }

  @Test("a cancellation voids and refunds, as often as it is asked; it is for staff")
  func cancels() async throws {
    let routes = try await RoutesBench()
    let id = try await authorized(routes)
    _ = try await post(routes, id, "captures", #"{"amount":400}"#)
    for what in ["cancel", "captures", "refunds"] {
      let refused = try await post(
        routes, id, what, as: UserID.new().description, #"{"amount":1}"#)
      #expect(refused.status.code == 403)
    }
    for _ in 0..<2 {
      let cancelled = try await post(routes, id, "cancel", key: nil)
      #expect(cancelled.status.code == 200)
      let view = try cancelled.decoded(as: View.self)
      #expect(view.state == "cancelled")
      #expect((view.captured, view.refunded) == (400, 400))
    }
    #expect(try await post(routes, .new(), "cancel", key: nil).status.code == 404)
  }
}
