import Foundation
import SharedKernel
import Testing

@Suite("Base64 for URLs")
struct Base64URLTests {
  @Test("bytes become the text of RFC 4648 section 10, without padding, and come back")
  func vectors() {
    for (bytes, text) in [
      ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"),
      ("fooba", "Zm9vYmE"), ("foobar", "Zm9vYmFy"),
    ] {
      #expect(Base64URL.encode(Array(bytes.utf8)) == text)
      #expect(Base64URL.decode(text) == Array(bytes.utf8))
    }
  }

  @Test("random bytes become what Foundation makes of them, in the other alphabet")
  func asFoundation() {
    for count in 0...200 {
      let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max) }
      let text = Base64URL.encode(bytes)
      let expected = Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-")
        .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
      #expect(text == expected)
      #expect(Base64URL.decode(text) == bytes)
    }
  }

  @Test(
    "what no bytes become is refused",
    arguments: ["A", "AAAAA", "AB", "AAB", "A+", "A/", "AA==", "A A", "Zg\n", "é", "AA\u{0}"])
  func refused(text: String) {
    #expect(Base64URL.decode(text) == nil)
  }
}
