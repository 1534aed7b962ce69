import HTTPMessages
import ServiceKit
import SharedKernel
import Testing

@testable import Payments

@Suite("The order service's routes")
struct InternalPaymentRoutesTests {
  private typealias View = RoutesBench.PaymentView

  @Test("a payment goes from authorised to captured to refunded, each answered 201 then 200")
  func wholeLife() async throws {
    let routes = try await RoutesBench()
    let id = PaymentID.new()
    let order = OrderID.new()
    let first = try await routes.authorize(id: id, order: order)
    #expect(first.status.code == 201)
    let view = try first.decoded(as: View.self)
    #expect(view.id == id && view.orderId == order)
    #expect(view.state == "authorized" && view.amount == 1000 && view.currency == "USD")
    #expect(first.fields[.etag] == "\"v\(view.version)\"")
    #expect(try await routes.authorize(id: id, order: order).status.code == 200)

    let capture = "/internal/payments/\(id)/captures/\(OperationID.new())"
    #expect(try await routes.send(.put, capture, body: #"{"amount":1000}"#).status.code == 201)
    let again = try await routes.send(.put, capture, body: #"{"amount":1000}"#)
    #expect(again.status.code == 200)
    #expect(try again.decoded(as: View.self).state == "captured")

    let refund = "/internal/payments/\(id)/refunds/\(OperationID.new())"
    let refunded = try await routes.send(.put, refund, body: #"{"amount":400}"#)
    #expect(refunded.status.code == 201)
    #expect(try refunded.decoded(as: View.self).state == "partially_refunded")
    let tooMuch = try await routes.send(
      .put, "/internal/payments/\(id)/refunds/\(OperationID.new())", body: #"{"amount":601}"#)
    #expect(tooMuch.problemKind == .refundExceedsCaptured)
    struct Refusal: Decodable {
      let refundable: Int64
    }
    #expect(try tooMuch.decoded(as: Refusal.self).refundable == 600)
  }

  @Test("a decline is a 402 with its code and order")
  func declined() async throws {
    let routes = try await RoutesBench()
    let order = OrderID.new()
    let answer = try await routes.authorize(.insufficientFunds, order: order)
    #expect(answer.status.code == 402)
    #expect(answer.problemKind == .paymentDeclined)
    #expect(answer.problemBody?["declineCode"]?.textValue == "insufficient_funds")
    #expect(answer.problemBody?["orderId"]?.textValue == order.description)
  }

  @Test("an unknown outcome is a 202 that says when to ask again")
  func unknown() async throws {
    let routes = try await RoutesBench()
    let id = PaymentID.new()
    let order = OrderID.new()
    for _ in 0..<2 {
      let answer = try await routes.authorize(.errorTwiceThenOK, id: id, order: order)
      #expect(answer.status.code == 202)
      #expect(answer.fields[.retryAfter] == "1")
      #expect(try answer.decoded(as: View.self).state == "authorizing")
    }
    let early = try await routes.send(
      .put, "/internal/payments/\(id)/captures/\(OperationID.new())", body: #"{"amount":1}"#)
    #expect(early.problemKind == .operationInProgress)
    #expect(early.fields[.retryAfter] == "1")
    #expect(
      try await routes.authorize(.errorTwiceThenOK, id: id, order: order).status.code == 200)
  }

  @Test("the same id with another body is refused")
  func differs() async throws {
    let routes = try await RoutesBench()
    let id = PaymentID.new()
    _ = try await routes.authorize(id: id)
    let other = try await routes.authorize(id: id)
    #expect(other.status.code == 422)
    #expect(other.problemKind == .idempotencyKeyReused)
  }

  @Test("cancelling an unknown payment closes it for good")
  func tombstone() async throws {
    let routes = try await RoutesBench()
    let id = PaymentID.new()
    let order = OrderID.new()
    let body = #"{"orderId":"\#(order)","currency":"USD"}"#
    for _ in 0..<2 {
      let answer = try await routes.send(
        .post, "/internal/payments/\(id)/cancel", body: body)
      #expect(answer.status.code == 200)
      #expect(try answer.decoded(as: View.self).state == "cancelled")
    }
    let late = try await routes.authorize(id: id, order: order)
    #expect(late.problemKind == .paymentClosed)
    #expect(late.problemBody?["state"]?.textValue == "cancelled")
  }

  @Test("a guest's challenge comes with the token that lets them answer it")
  func nextAction() async throws {
    let routes = try await RoutesBench()
    let guests = try await routes.authorize(.requiresAction)
    #expect(guests.status.code == 201)
    let view = try guests.decoded(as: View.self)
    #expect(view.state == "requires_action")
    #expect(view.nextAction?.type == "challenge")
    #expect(view.nextAction?.url == "/payments/\(view.id)/confirm")
    #expect(view.nextAction?.accessToken != nil)
    let users = try await routes.authorize(.requiresAction, user: .new())
    #expect(try users.decoded(as: View.self).nextAction?.accessToken == nil)
  }

  @Test("card numbers are refused and not kept")
  func cardData() async throws {
    let routes = try await RoutesBench()
    let id = PaymentID.new()
    for token in ["4111111111111111", #"\u0034111111111111111"#, "4111 1111 1111 1111"] {
      let answer = try await routes.send(
        .put, "/internal/payments/\(id)",
        body: """
          {"orderId":"\(OrderID.new())","amount":1000,"currency":"USD","token":"\(token)",\
          "captureMode":"automatic"}
          """)
      #expect(answer.status.code == 422)
      #expect(answer.problemKind == .cardDataForbidden)
    }
    #expect(try await routes.bench.store.payment(id) == nil)
  }

  @Test(
    "amounts that are none are refused",
    arguments: ["0", "-5", "1000000000001", "1.5", "\"10\"", "null"])
  func badAmounts(amount: String) async throws {
    let routes = try await RoutesBench()
    let answer = try await routes.send(
      .put, "/internal/payments/\(PaymentID.new())/captures/\(OperationID.new())",
      body: #"{"amount":\#(amount)}"#)
    #expect(answer.problemKind == .validationFailed)
  }

  @Test("members that are not known are refused")
  func unknownMembers() async throws {
    let routes = try await RoutesBench()
    let answer = try await routes.send(
      .post, "/internal/payments/\(PaymentID.new())/cancel",
      body: #"{"orderId":"\#(OrderID.new())","currency":"USD","reason":"x"}"#)
    #expect(answer.problemKind == .validationFailed)
  }

  @Test("others than the order service are kept out")
  func keepsOut() async throws {
    let routes = try await RoutesBench()
    let target = "/internal/payments/\(PaymentID.new())/captures/\(OperationID.new())"
    let body = #"{"amount":1}"#
    #expect(try await routes.send(.put, target, as: nil, body: body).status.code == 401)
    for token in ["user-service", RoutesBench.staff, UserID.new().description] {
      #expect(try await routes.send(.put, target, as: token, body: body).status.code == 403)
    }
  }
}
