import Testing

@testable import Orders

@Suite struct CardNumberTests {
  @Test(
    "numbers that Luhn's formula accepts are found",
    arguments: [
      "4242424242424242", "x4111 1111 1111 1111y", "3782-822463-10005", "6011111111111117.",
      "4222222222222",
    ])
  func found(text: String) {
    #expect(CardNumber.isPresent(in: text))
  }

  @Test(
    "other digits are not",
    arguments: [
      "", "4242424242424241", "424242424242", "42424242424242424242", "4242  4242  4242  4242",
      "tok_ok", "+41 31 300 00 00", "2026-11-22",
    ])
  func others(text: String) {
    #expect(!CardNumber.isPresent(in: text))
  }
}
