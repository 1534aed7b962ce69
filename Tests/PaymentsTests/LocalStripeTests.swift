import EventLoops
import Foundation
import HTTPClient
import HTTPMessages
import ServiceKit
import SharedKernel
import TestSupport
import Testing

@testable import Payments

/// The wire format before an independent witness: localstripe, which `./shop test` installs. It knows no
/// idempotency keys, no search and no lists by time: for those there is `StripeStandIn`.
@Suite(
  "Stripe's wire format", .serialized, .timeLimit(.minutes(5)),
  .enabled(if: LocalStripe.isInstalled, "localstripe is not installed"))
struct LocalStripeTests {
  private static let loops = EventLoopGroup(count: 1)
  private static let readyWithin: Duration = .seconds(60)

  /// Starts it and runs `body` with a payment service over it.
  private func withLocalStripe(
    _ body: (PaymentService, PaymentBench) async throws -> Void
  ) async throws {
    let port = try LoopbackPort.free(1)[0]
    let output = FileManager.default.temporaryDirectory.appending(path: "localstripe-\(port)").path
    defer { try? FileManager.default.removeItem(atPath: output) }  // A log that nobody misses.
    let running = try TiedProgram(
      [LocalStripe.program, "--port", "\(port)", "--from-scratch"], environment: [:],
      output: output)
    defer { running.kill() }
    let deadline = ContinuousClock.now + Self.readyWithin
    while !LoopbackPort.isListening(port) {
      try #require(ContinuousClock.now < deadline, "localstripe does not start")
      try await Task.sleep(for: .milliseconds(50))
    }
    let address = try #require(StripeClient.Address(url: "http://127.0.0.1:\(port)"))
    let stripe = StripeGatewayClient(
      stripe: StripeClient(
        http: CurlClient(group: Self.loops), address: address, secretKey: "sk_test_local"),
      secrets: [])
    let bench = try await PaymentBench.shared()
    try await body(
      PaymentService(
        store: bench.store, gateway: stripe,
        timings: PaymentTimings(providerWait: .seconds(20)),
        unanswered: { Issue.record("\($0) has no answer: \($1)") }), bench)
  }

  private func request(_ card: String) throws -> PaymentRequest {
    PaymentRequest(
      orderID: .new(), userID: nil, amount: try Money(minorUnits: 1000, currency: .usd),
      token: card, captureMode: .automatic)
  }

  @Test(
    "a payment is authorised, captured and refunded in part; another is voided; one is declined")
  func life() async throws {
    try await withLocalStripe { service, _ in
      let payment = try await service.authorize(
        .new(), try request("pm_card_visa"), hash: [1]
      ).payment
      #expect(payment.state == .authorized)
      #expect(payment.providerReference?.hasPrefix("pi_") == true)
      let captured = try await service.capture(payment.id, .new(), amount: 1000)
      #expect(captured.payment.state == .captured)
      let refunded = try await service.refund(payment.id, .new(), amount: 300)
      #expect(
        refunded.payment.figures
          == PaymentFigures(authorized: 1000, captured: 1000, refunded: 300))

      let voided = try await service.authorize(
        .new(), try request("pm_card_visa"), hash: [1]
      ).payment
      #expect(try await service.close(voided.id).payment.state == .cancelled)

      let error = await #expect(throws: PaymentError.self) {
        try await service.authorize(.new(), try request("pm_card_chargeCustomerFail"), hash: [1])
      }
      guard case .declined(let code, _)? = error else {
        Issue.record("refused with \(String(describing: error))")
        return
      }
      #expect(code == "card_declined")
    }
  }

  @Test("an intent and a refund are found again by Stripe's own names")
  func lookup() async throws {
    try await withLocalStripe { service, _ in
      let payment = try await service.authorize(
        .new(), try request("pm_card_visa"), hash: [1]
      ).payment
      _ = try await service.capture(payment.id, .new(), amount: 1000)
      let refund = OperationID.new()
      let refunded = try await service.refund(payment.id, refund, amount: 10).payment
      for operation in refunded.operations {
        let found = try await service.gateway.lookup(
          LookupRequest(
            operation: operation.id, kind: operation.kind,
            reference: operation.kind == .capture ? nil : operation.providerReference,
            authorization: payment.providerReference), within: .seconds(20))
        #expect(found == .succeeded(reference: operation.providerReference ?? ""))
      }
      // By our own id, among the refunds of the intent.
      let byID = try await service.gateway.lookup(
        LookupRequest(
          operation: refund, kind: .refund, authorization: payment.providerReference),
        within: .seconds(20))
      #expect(byID == .succeeded(reference: refunded.operation(refund)?.providerReference ?? ""))
    }
  }
}

private enum LocalStripe {
  /// Where `./shop test` puts it.
  static let program =
    ProcessInfo.processInfo.environment["SHOP_LOCALSTRIPE"]
    ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: ".build/localstripe/bin/localstripe").path
  static let isInstalled = FileManager.default.isExecutableFile(atPath: program)
}
