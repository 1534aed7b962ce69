import SharedKernel
import Testing

@testable import Users

@Suite("Accounts")
struct UserTests {
  @Test(
    "an address that mail can reach is taken, in lower case",
    arguments: [
      ("ada@example.org", "ada@example.org"),
      ("Ada.Lovelace@Example.ORG", "ada.lovelace@example.org"),
      ("a+tag@mail.example.co.uk", "a+tag@mail.example.co.uk"),
      ("o'hara@x-y.example", "o'hara@x-y.example"),
      ("1@2.example", "1@2.example"),
    ])
  func goodAddress(text: String, kept: String) throws {
    #expect(try EmailAddress(text).text == kept)
  }

  @Test(
    "what is certainly no address is refused",
    arguments: [
      "", "ada", "@example.org", "ada@", "ada@example", "ada@@example.org", "a@b@example.org",
      "ada@example..org", "ada@.example.org", "ada@example.org.", ".ada@example.org",
      "ada.@example.org", "a..b@example.org", "ada @example.org", "ada@exam ple.org",
      "ada@-x.example", "ada@x-.example", "ada@ex_ample.org", "ada\n@example.org",
      "ada@example.org\r\nBcc: all@example.org", "\"ada\"@example.org", "<ada@example.org>",
      "ada@[127.0.0.1]", "ädä@example.org", "ada@exämple.org", "ada\u{0}@example.org",
      String(repeating: "a", count: 65) + "@example.org",
      "a@" + String(repeating: "b", count: 64) + ".org",
      "a@" + String(repeating: "bcd.", count: 63) + "org",
    ])
  func badAddress(text: String) {
    #expect(throws: ValidationFailure.self) { try EmailAddress(text) }
  }

  @Test(
    "a password of 10 to 128 characters is taken, whatever they are",
    arguments: [
      "correct horse", "ten-chars!", "žluťoučký kůň", "🐴🔋🧷🐎🐴🔋🧷🐎🐴🔋",
      String(repeating: "abcd", count: 32), "password is not long enough",
    ])
  func goodPassword(text: String) throws {
    #expect(try NewPassword(text).text == text)
  }

  @Test(
    "short, endless and often tried passwords are refused, each for its reason",
    arguments: [
      ("", "length"), ("nine-char", "length"),
      (String(repeating: "abcd", count: 32) + "e", "length"),
      ("aaaaaaaaaaaa", "common"), ("abababababab", "common"), ("1234567890", "common"),
      ("Password123", "common"), ("QWERTYUIOP", "common"), ("iloveyou12", "common"),
      ("qwertyuiop12", "common"),
    ])
  func badPassword(text: String, code: String) {
    let error = #expect(throws: ValidationFailure.self) { try NewPassword(text) }
    #expect(error?.faults.map(\.code) == [code])
  }

  @Test("a registration tells every fault at once, each with its pointer")
  func everyFault() {
    let error = #expect(throws: ValidationFailure.self) {
      try Registration(email: "ada", password: "short", name: "", locale: "no locale")
    }
    #expect(error?.faults.map(\.pointer) == ["/email", "/password", "/name", "/locale"])
  }

  @Test("a name has 1 to 100 characters and none that control")
  func names() throws {
    func register(_ name: String) throws -> Registration {
      try Registration(
        email: "ada@example.org", password: "correct horse", name: name, locale: nil)
    }
    #expect(try register("Ada").locale == "en")
    #expect(try register(String(repeating: "é", count: 100)).name.count == 100)
    for name in ["", String(repeating: "e", count: 101), "Ada\u{0}", "Ada\u{1B}[2J"] {
      #expect(throws: ValidationFailure.self) { try register(name) }
    }
  }

  @Test(
    "a locale has the form of RFC 5646",
    arguments: [
      ("en", true), ("de-CH", true), ("zh-Hant-TW", true), ("gsw", true), ("", false), ("e", false),
      ("engl", false), ("en_US", false), ("en-", false), ("en-US-x-y-z", false), ("dé", false),
    ])
  func locales(text: String, isGood: Bool) {
    #expect(isLocale(text) == isGood)
  }
}
