/// The parts of a mail's header (RFC 5322, RFC 2047).
enum MailHeader {
  /// Whether a value may stand in a header: no control character, so no CR and no LF.
  static func isSafe(_ value: String) -> Bool {
    value.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
  }

  /// A value as unstructured text: as it is if short and ASCII, else as encoded words.
  static func text(_ value: String) -> String {
    // A literal `=?` would be taken for an encoded word.
    let isPlain = value.utf8.allSatisfy({ $0 < 0x80 }) && !value.contains("=?")
    return isPlain && value.utf8.count <= 60 ? value : encodedWords(value)
  }

  /// Encoded words of base64, a line each, within the 76 characters of RFC 2047 section 2.
  private static func encodedWords(_ value: String) -> String {
    var words: [String] = []
    var chunk: [UInt8] = []
    for character in value.unicodeScalars {
      let bytes = Array(String(character).utf8)
      // 39 bytes become 52 characters, and 64 with what marks them, behind a header's name.
      if chunk.count + bytes.count > 39 {
        words.append("=?utf-8?B?\(Base64.text(chunk))?=")
        chunk = []
      }
      chunk += bytes
    }
    words.append("=?utf-8?B?\(Base64.text(chunk))?=")
    return words.joined(separator: "\r\n ")
  }

  /// `name <mailbox>`. A name of more than letters and spaces is an encoded word: nothing in it needs
  /// quoting then.
  static func address(_ address: MailAddress) -> String {
    guard let name = address.name, !name.isEmpty else { return "<\(address.mailbox)>" }
    let isPlain = name.utf8.allSatisfy {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20) || $0 == UInt8(ascii: " ")
    }
    let shown = isPlain && name.utf8.count <= 60 ? name : encodedWords(name)
    return "\(shown) <\(address.mailbox)>"
  }

  /// RFC 5322 section 3.3, in UTC.
  static func date(secondsSince1970: Int64) -> String {
    let days = Int(secondsSince1970.flooringDivision(by: 86_400))
    let second = Int(secondsSince1970) - days * 86_400
    // Howard Hinnant's civil_from_days: years that begin in March, in eras of 400 years.
    let shifted = days + 719_468
    let era = shifted.flooringDivision(by: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][((days % 7) + 7) % 7]
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(weekday), \(day) \(months[month - 1]) \(year) "
      + "\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60)) +0000"
  }
}

extension MailMessage {
  /// The whole message as it follows DATA, with CRLF line ends; every text is in base64, so that no
  /// line is too long and none begins with a dot.
  ///
  /// - Throws: `MailError.badHeader` naming the header with a control character in it.
  func mime() throws(MailError) -> [UInt8] {
    guard MailHeader.isSafe(subject) else { throw .badHeader("Subject") }
    guard MailHeader.isSafe(messageID), !messageID.contains(where: { "<> ".contains($0) })
    else { throw .badHeader("Message-ID") }
    var lines = [
      "Date: \(MailHeader.date(secondsSince1970: writtenAt))",
      "From: \(MailHeader.address(from))",
      "To: \(MailHeader.address(to))",
      "Message-ID: <\(messageID)>",
      "Subject: \(MailHeader.text(subject))",
      "MIME-Version: 1.0",
      "Auto-Submitted: auto-generated",
    ]
    if let html {
      // Base64 holds no `=_`: no part can contain the boundary.
      let boundary = "=_part"
      lines += ["Content-Type: multipart/alternative; boundary=\"\(boundary)\"", ""]
      lines += ["--\(boundary)"] + Self.part("text/plain", text)
      lines += ["--\(boundary)"] + Self.part("text/html", html)
      lines += ["--\(boundary)--"]
    } else {
      lines += Self.part("text/plain", text)
    }
    return Array((lines.joined(separator: "\r\n") + "\r\n").utf8)
  }

  private static func part(_ type: String, _ text: String) -> [String] {
    [
      "Content-Type: \(type); charset=utf-8",
      "Content-Transfer-Encoding: base64",
      "",
    ] + Base64.lines(Array(text.utf8))
  }
}

/// RFC 4648 section 4, with padding.
enum Base64 {
  private static let digits = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func text(_ bytes: some Collection<UInt8>) -> String {
    var text: [UInt8] = []
    var group: UInt32 = 0
    var held = 0
    for byte in bytes {
      group = group << 8 | UInt32(byte)
      held += 1
      guard held == 3 else { continue }
      for shift in [18, 12, 6, 0] { text.append(digits[Int(group >> UInt32(shift)) & 63]) }
      group = 0
      held = 0
    }
    if held > 0 {
      group <<= UInt32(8 * (3 - held))
      for place in 0...held { text.append(digits[Int(group >> UInt32(18 - 6 * place)) & 63]) }
      for _ in held..<3 { text.append(UInt8(ascii: "=")) }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Lines of 76 characters, as RFC 2045 section 6.8 bounds them.
  static func lines(_ bytes: [UInt8]) -> [String] {
    stride(from: 0, to: bytes.count, by: 57).map {
      text(bytes[$0..<min($0 + 57, bytes.count)])
    }
  }
}

extension BinaryInteger {
  /// Division that rounds down, also below zero.
  fileprivate func flooringDivision(by divisor: Self) -> Self {
    let quotient = self / divisor
    return quotient * divisor > self ? quotient - 1 : quotient
  }
}
