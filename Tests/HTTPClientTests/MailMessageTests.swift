import Foundation
import Testing

@testable import HTTPClient

@Suite("MailMessage")
struct MailMessageTests {
  func mail(subject: String = "Your order", html: String? = nil) throws -> MailMessage {
    MailMessage(
      from: try MailAddress("shop@example.org", name: "The Shop"),
      to: try MailAddress("ada@example.org"), subject: subject, messageID: "1@example.org",
      writtenAt: 0, text: "Grüße\n.dot\n", html: html)
  }

  @Test("a plain mail has the headers of RFC 5322, CRLF line ends and its text in base64")
  func plain() throws {
    let text = String(decoding: try mail().mime(), as: UTF8.self)
    #expect(
      text == """
        Date: Thu, 1 Jan 1970 00:00:00 +0000\r
        From: The Shop <shop@example.org>\r
        To: <ada@example.org>\r
        Message-ID: <1@example.org>\r
        Subject: Your order\r
        MIME-Version: 1.0\r
        Auto-Submitted: auto-generated\r
        Content-Type: text/plain; charset=utf-8\r
        Content-Transfer-Encoding: base64\r
        \r
        \(Data("Grüße\n.dot\n".utf8).base64EncodedString())\r

        """)
  }

  @Test("a mail with HTML has both parts, the richer one last")
  func alternative() throws {
    let text = String(decoding: try mail(html: "<p>Grüße</p>").mime(), as: UTF8.self)
    #expect(
      text.contains("Content-Type: multipart/alternative; boundary=\"=_part\"\r\n\r\n--=_part\r\n"))
    let plain = try #require(text.firstRange(of: "Content-Type: text/plain"))
    let html = try #require(text.firstRange(of: "Content-Type: text/html"))
    #expect(plain.lowerBound < html.lowerBound)
    #expect(text.contains(Data("<p>Grüße</p>".utf8).base64EncodedString()))
    #expect(text.hasSuffix("\r\n--=_part--\r\n"))
  }

  @Test("no line is longer than RFC 5322 allows, however long the text")
  func lineLength() throws {
    var mail = try self.mail(subject: String(repeating: "ü", count: 300))
    mail.text = String(repeating: "x", count: 5000)
    let lines = String(decoding: try mail.mime(), as: UTF8.self).components(separatedBy: "\r\n")
    #expect(lines.allSatisfy { $0.utf8.count <= 78 })
  }

  @Test(
    "a header with a line of its own in it is refused",
    arguments: ["a\r\nBcc: all@example.org", "a\nb", "a\rb", "a\0b"])
  func injection(subject: String) throws {
    #expect(throws: MailError.badHeader("Subject")) { try self.mail(subject: subject).mime() }
    var mail = try self.mail()
    mail.messageID = subject
    #expect(throws: MailError.badHeader("Message-ID")) { try mail.mime() }
    #expect(throws: MailError.badHeader("name")) {
      try MailAddress("a@example.org", name: subject)
    }
  }

  @Test(
    "what is no plain address is refused",
    arguments: [
      "", "ada", "@example.org", "ada@", "a@b@c", "a b@example.org", "<a@example.org>",
      "a@example.org\r\nRCPT TO:<x@example.org>", "a@exa mple", "ä@example.org", "a,b@example.org",
    ])
  func badAddress(address: String) {
    #expect(throws: MailError.badAddress) { try MailAddress(address) }
  }

  @Test("addresses with the usual punctuation are taken", arguments: ["a.b+c_d@x-y.example.org"])
  func goodAddress(address: String) throws {
    #expect(try MailAddress(address).mailbox == address)
  }

  @Test(
    "a name that needs quoting is an encoded word", arguments: ["Doe, Jane", "Jané", "\"x\" <y>"])
  func encodedName(name: String) throws {
    let shown = MailHeader.address(try MailAddress("a@example.org", name: name))
    #expect(shown == "=?utf-8?B?\(Data(name.utf8).base64EncodedString())?= <a@example.org>")
  }

  @Test(
    "dates agree with Foundation's",
    arguments: [0, 951_782_400, 1_709_164_800, 1_735_689_599, 4_107_542_400, -86_401] as [Int64])
  func dates(seconds: Int64) {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "UTC")
    formatter.dateFormat = "EEE, d MMM yyyy HH:mm:ss Z"
    #expect(
      MailHeader.date(secondsSince1970: seconds)
        == formatter.string(from: Date(timeIntervalSince1970: Double(seconds))))
  }

  @Test("base64 agrees with Foundation's", arguments: 0..<10)
  func base64(count: Int) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 97 &+ 251) }
    #expect(Base64.text(bytes) == Data(bytes).base64EncodedString())
  }
}
