import SharedKernel
import Testing

@testable import Payments

@Suite("Card data")
struct CardDataTests {
  @Test(
    "what looks like a card number is found, wherever it stands",
    arguments: [
      #"{"token":"4111111111111111"}"#, #"{"token":"4111 1111 1111 1111"}"#,
      #"{"token":"4111-1111-1111-1111"}"#, #"{"token":4111111111111111}"#,
      #"{"note":"my card 378282246310005, thanks"}"#, #"{"a":{"b":["5555555555554444"]}}"#,
      "4222222222222",
    ])
  func finds(body: String) {
    #expect(CardData.appears(in: body))
  }

  @Test(
    "other digits are left alone",
    arguments: [
      #"{"token":"tok_ok","amount":1000000000000}"#, #"{"token":"4111111111111112"}"#,
      #"{"n":"411111111111"}"#, #"{"n":"41111111111111111111"}"#,
      #"{"id":"01890123-4567-7890-9123-012345678901"}"#, "",
    ])
  func leavesAlone(body: String) {
    #expect(!CardData.appears(in: body))
  }

  @Test("ids are never taken for cards")
  func idsAreNoCards() {
    for _ in 0..<2000 {
      #expect(!CardData.appears(in: "{\"orderId\":\"\(UUID128.v7())\"}"))
    }
  }
}
