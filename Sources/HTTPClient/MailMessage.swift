/// One mail: a plain text, and perhaps the same as HTML.
package struct MailMessage: Sendable {
  /// In the header and, its mailbox, in the envelope.
  package var from: MailAddress
  /// The only recipient.
  package var to: MailAddress
  /// One line of any text; a control character in it is `MailError.badHeader` when it is sent.
  package var subject: String
  /// Without angle brackets, such as `0198…@shop.example`. The same mail sent again keeps it, so that
  /// a mailbox can tell.
  package var messageID: String
  /// Seconds since 1970 at which the mail was written.
  package var writtenAt: Int64
  /// The plain text; lines may be of any length.
  package var text: String
  /// The same as HTML, for mailboxes that show it; nil sends the plain text alone.
  package var html: String?

  package init(
    from: MailAddress, to: MailAddress, subject: String, messageID: String, writtenAt: Int64,
    text: String, html: String? = nil
  ) {
    self.from = from
    self.to = to
    self.subject = subject
    self.messageID = messageID
    self.writtenAt = writtenAt
    self.text = text
    self.html = html
  }
}

/// An address that may stand in an envelope and a header: `user@example.org`, with a name beside it.
///
/// Stricter than RFC 5322: no comments, no quoted local part, ASCII only. What passes cannot end a
/// header line or an SMTP command.
package struct MailAddress: Sendable, Hashable {
  /// `local@domain`, as it was given.
  package let mailbox: String
  /// How the person is called, in any script; nil or empty leaves it out.
  package let name: String?

  /// - Throws: `MailError.badAddress` for anything but `local@domain`; `.badHeader` for a control
  ///   character in `name`.
  package init(_ mailbox: String, name: String? = nil) throws(MailError) {
    let parts = mailbox.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, mailbox.utf8.count <= 254,
      !parts[0].isEmpty, parts[0].utf8.count <= 64, parts[0].utf8.allSatisfy(Self.isLocalByte),
      !parts[1].isEmpty, parts[1].utf8.allSatisfy(Self.isDomainByte)
    else { throw .badAddress }
    if let name, !MailHeader.isSafe(name) { throw .badHeader("name") }
    self.mailbox = mailbox
    self.name = name
  }

  /// Letters, digits and RFC 5322's atext, and the dot.
  private static func isLocalByte(_ byte: UInt8) -> Bool {
    isAlphanumeric(byte) || ".!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
  }

  private static func isDomainByte(_ byte: UInt8) -> Bool {
    isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }
}

/// Why a mail was not sent, or may not have been.
package enum MailError: Error, Equatable {
  /// Not `local@domain` in ASCII. The address itself is not repeated here.
  case badAddress
  /// A control character in the header of that name: a line of its own would follow.
  case badHeader(String)
  /// The mail server refused, with its reply code: 4xx may succeed later, 5xx will not.
  case refused(code: Int, reply: String)
  /// The server was not reached, or had not yet been given the text.
  case notSent(String)
  /// The connection broke while the text was on its way: the mail may have been taken.
  case maybeSent(String)

  /// Whether sending the same mail again can help.
  package var isTemporary: Bool {
    switch self {
    case .badAddress, .badHeader: false
    case .refused(let code, _): (400..<500).contains(code)
    case .notSent, .maybeSent: true
    }
  }
}
