package import EventLoops
import HTTPClient
package import SharedKernel

/// Hands mails to the mail server that the settings name.
package struct Mailer: Sendable {
  /// One mail, in what a slice knows of it.
  package struct Mail: Sendable {
    let recipient: String
    let name: String?
    let subject: String
    let text: String
    let key: String
    let writtenAt: Timestamp

    /// - Parameters:
    ///   - recipient: `local@domain`.
    ///   - name: how the recipient is called, if that is known.
    ///   - key: what no other mail shares. The Message-ID is made from it, so that a mailbox can drop
    ///     a mail that is handed over twice.
    package init(
      to recipient: String, name: String?, subject: String, text: String, key: String,
      writtenAt: Timestamp
    ) {
      self.recipient = recipient
      self.name = name
      self.subject = subject
      self.text = text
      self.key = key
      self.writtenAt = writtenAt
    }
  }

  /// Why a mail was not handed over. Never holds the recipient's address.
  package struct Failure: Error, Sendable, CustomStringConvertible {
    package let description: String
    /// Whether handing over the same mail later can help.
    package let isTemporary: Bool
  }

  /// For the whole of one mail.
  private static let mailTimeout: Duration = .seconds(10)

  private let client: SMTPClient
  private let sender: MailAddress

  /// Reads SMTP_URL (`smtp://host:port` or `smtps://host:port`), SMTP_USER, SMTP_PASSWORD and
  /// MAIL_FROM. Without TLS no mail is sent where ENVIRONMENT is production.
  ///
  /// - Returns: nil without SMTP_URL.
  /// - Throws: `SettingsFailure`
  package init?(settings: Settings, group: EventLoopGroup) throws {
    let made = try settings.reading { reader -> (client: SMTPClient, sender: MailAddress)? in
      guard let url = reader.text("SMTP_URL") else { return nil }
      let sender = reader.text("MAIL_FROM") ?? "shop@shop.example"
      let user = reader.text("SMTP_USER")
      let password = reader.text("SMTP_PASSWORD")
      var limits = ClientLimits()
      limits.exchangeTimeout = Self.mailTimeout
      limits.transfersPerLoopMax = 32
      let address: MailAddress
      do {
        address = try MailAddress(sender, name: "The shop")
      } catch {
        reader.note("MAIL_FROM", expected: "an address such as shop@example.org")
        return nil
      }
      do {
        return (
          try SMTPClient(
            url: url, user: user, password: password,
            security: settings.environment == .production ? .required : .none, limits: limits,
            group: group), address
        )
      } catch {
        reader.note("SMTP_URL", expected: "smtp://host:port or smtps://host:port")
        return nil
      }
    }
    guard let made else { return nil }
    client = made.client
    sender = made.sender
  }

  /// - Throws: `Failure`; `CancellationError`
  package func send(_ mail: Mail) async throws {
    do {
      let address = try MailAddress(mail.recipient, name: mail.headerName)
      try await client.send(
        MailMessage(
          from: sender, to: address, subject: mail.subject, messageID: messageID(for: mail.key),
          writtenAt: mail.writtenAt.seconds, text: mail.text))
    } catch let error as MailError {
      throw Failure(error)
    }
  }

  private func messageID(for key: String) -> String {
    let domain = sender.mailbox.split(separator: "@").last ?? "shop.example"
    return "\(Base64URL.encode(sha256(Array(key.utf8))))@\(domain)"
  }
}

extension Mailer.Mail {
  /// A name that cannot stand in a header is left out: the mail matters more.
  fileprivate var headerName: String? {
    guard let name, name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
      return nil
    }
    return name
  }
}

extension Mailer.Failure {
  fileprivate init(_ error: MailError) {
    // What a server replies often repeats the address: only its code is told.
    description =
      if case .refused(let code, _) = error { "refused with code \(code)" } else { "\(error)" }
    isTemporary = error.isTemporary
  }
}
