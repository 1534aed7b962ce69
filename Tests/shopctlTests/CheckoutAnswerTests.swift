import HTTPMessages
import Testing

@testable import shopctl

struct CheckoutAnswerTests {
  @Test(
    "an answer is told by its status, its problem's type and the order's state",
    arguments: [
      (201, #"{"id": "a", "state": "confirmed", "accessToken": "t"}"#, "confirmed"),
      (202, #"{"id": "a", "state": "pending"}"#, "running"),
      (
        202,
        #"{"id": "a", "state": "awaiting_payment", "paymentId": "p", "nextAction": {"accessToken": "n"}}"#,
        "awaiting payment"
      ),
      (200, #"{"id": "a", "state": "cancelled"}"#, "cancelled"),
      (
        402, #"{"type": "https://errors.shop.example/payment-declined", "orderId": "a"}"#,
        "declined"
      ),
      (
        409, #"{"type": "https://errors.shop.example/insufficient-stock", "orderId": "a"}"#,
        "out of stock"
      ),
      (409, #"{"type": "https://errors.shop.example/idempotency-in-progress"}"#, "unavailable"),
      (409, #"{"type": "https://errors.shop.example/price-changed"}"#, "refused"),
      (422, #"{"type": "https://errors.shop.example/validation-failed"}"#, "refused"),
      (503, "gone", "unavailable"), (500, "", "unavailable"),
    ])
  func kinds(status: Int, body: String, kind: String) {
    let answer = CheckoutAnswer(HTTPResponse(HTTPStatus(status), body: Array(body.utf8)))
    #expect(answer.kind.rawValue == kind)
    #expect(answer.orderID == (body.contains(#""a""#) ? "a" : nil))
    #expect(answer.note.hasPrefix("\(status)"))
  }
}
