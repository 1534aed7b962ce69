import SharedKernel

/// Who a recipient is, as the services that know tell.
protocol ContactBook: Sendable {
  /// nil when the recipient is gone, or is staff, who look at the list.
  ///
  /// - Throws: while the service that knows does not answer.
  func contact(of recipient: Recipient) async throws -> Contact?
  /// Where the recipient does what an account's notice asks for; nil when it is too late for that.
  ///
  /// - Throws: as `contact`.
  func link(of action: UUID128) async throws -> String?
}

struct Contact: Decodable, Hashable, Sendable {
  let email: String
  let name: String?
  /// `de-CH`; nil where it is not known.
  var locale: String?
}

/// A notice as a mail.
struct NoticeMail: Hashable, Sendable {
  let to: Contact
  let subject: String
  let text: String
  /// The notice's own, so that the receiver can drop a repeat.
  let key: String
  let writtenAt: Timestamp
}

/// Sends each notice by its channel: into the log, or as a mail.
struct ChannelSender: NoticeSender {
  let contacts: any ContactBook
  let templates: any TemplateStore
  /// nil without a mail server.
  let sendMail: (@Sendable (NoticeMail) async throws -> Void)?
  let writeLog: @Sendable (Notification, NoticeText) -> Void

  func send(_ notification: Notification) async throws -> DeliveryOutcome {
    switch notification.channel {
    case .log:
      writeLog(notification, try await templates.book().text(of: notification))
      return .sent
    case .email:
      return try await sendByMail(notification)
    }
  }

  private func sendByMail(_ notification: Notification) async throws -> DeliveryOutcome {
    guard let sendMail else { return .skipped("there is no mail server any more") }
    guard let contact = try await contacts.contact(of: notification.recipient) else {
      return .skipped("the recipient has no address")
    }
    var link: String?
    if let action = notification.params["actionId"].flatMap({ UUID128($0) }) {
      link = try await contacts.link(of: action)
      guard link != nil else { return .skipped("the time for it is over") }
    }
    let text = try await templates.book().text(
      of: notification, locale: contact.locale ?? TemplateBook.localeStandard,
      name: contact.name, link: link)
    try await sendMail(
      NoticeMail(
        to: contact, subject: text.subject, text: text.body, key: notification.key,
        writtenAt: notification.createdAt))
    return .sent
  }
}
