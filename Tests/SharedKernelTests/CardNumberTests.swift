import Testing

@testable import SharedKernel

@Suite("Card numbers")
struct CardNumberTests {
  @Test(
    "numbers that Luhn's formula accepts are found, wherever they stand",
    arguments: [
      "4242424242424242", "x4111 1111 1111 1111y", "3782-822463-10005", "6011111111111117.",
      "4222222222222", "my card 378282246310005, thanks",
    ])
  func found(text: String) {
    #expect(CardNumber.isPresent(in: text))
  }

  @Test(
    "other digits beside a number do not hide it",
    arguments: [
      "4111111111111111 123", "4111111111111111-12/29", "12 4111111111111111",
      "2026 4111 1111 1111 1111 12 29",
      "4111 1111 1111 1111 4111 1111 1111 1111", "00 11 22 33 44 55 4222222222222",
    ])
  func foundBesideOthers(text: String) {
    #expect(CardNumber.isPresent(in: text))
  }

  @Test(
    "numbers in JSON are found as strings and as numbers",
    arguments: [
      #"{"token":"4111111111111111"}"#, #"{"token":"4111 1111 1111 1111"}"#,
      #"{"token":"4111-1111-1111-1111"}"#, #"{"token":4111111111111111}"#,
      #"{"a":{"b":["5555555555554444"]}}"#,
    ])
  func foundInJSON(body: String) {
    #expect(CardNumber.isPresent(in: Array(body.utf8)))
  }

  @Test(
    "other digits are left alone",
    arguments: [
      "", "4242424242424241", "424242424242", "42424242424242424242", "4242  4242  4242  4242",
      "4242 -4242 4242 4242", "tok_ok", "+41 31 300 00 00", "2026-11-22", "41111111111111111111 1",
      #"{"token":"tok_ok","amount":1000000000000}"#, #"{"token":"4111111111111112"}"#,
    ])
  func others(text: String) {
    #expect(!CardNumber.isPresent(in: text))
  }

  @Test("no prefix of a number is one")
  func prefixes() {
    let number = "4111111111111111"
    for length in 0..<number.count {
      #expect(!CardNumber.isPresent(in: String(number.prefix(length))), "\(length)")
    }
  }

  @Test(
    "a UUID is no card, also where its digits would check",
    arguments: [
      "01890123-4567-7890-9123-012345678901", "41111111-1111-1111-8111-111111111111",
      "tok_01890123-4567-7890-9123-012345678901", "0a1b2c3d-4111-4111-8111-111111111111",
    ])
  func uuids(text: String) {
    #expect(!CardNumber.isPresent(in: text))
    #expect(CardNumber.isPresent(in: "\(text) 4111111111111111"))
  }

  @Test("ids in a body are never taken for cards")
  func ids() {
    for _ in 0..<2000 {
      #expect(!CardNumber.isPresent(in: "{\"orderId\":\"\(UUID128.v7())\"}"))
    }
  }

  @Test("what only begins like a UUID hides no number")
  func likeUUID() {
    #expect(CardNumber.isPresent(in: "0a1b2c3d-4111-1111-1111-1111"))
  }
}
