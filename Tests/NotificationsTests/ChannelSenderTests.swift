import HTTPMessages
import Logging
import ServiceKit
import SharedKernel
import Synchronization
import TestSupport
import Testing

@testable import Notifications

@Suite("Sending by channel", .timeLimit(.minutes(2)))
struct ChannelSenderTests {
  private let contact = Contact(email: "ada@example.org", name: "Ada")

  private func notification(
    _ channel: Notification.Channel, for recipient: Recipient = .user(.new())
  ) -> Notification {
    Notification(
      id: .new(), eventID: .v7(), type: "order.confirmed", channel: channel,
      recipient: recipient, params: ["number": "10001"], state: .queued, attempts: 1, readAt: nil,
      sentAt: nil, createdAt: Timestamp(microseconds: 1_790_000_000_000_000), locale: "en")
  }

  @Test("the log channel writes a line and is done, whoever does not answer")
  func log() async throws {
    let lines = Mutex<[String]>([])
    let sender = ChannelSender(
      contacts: FixedContacts(answer: { throw ContactsAway() }), templates: BuiltIn(),
      sendMail: nil,
      writeLog: { _, text in lines.withLock { $0.append(text.subject) } })
    #expect(try await sender.send(notification(.log)) == .sent)
    #expect(lines.withLock { $0 } == ["Your order 10001 is confirmed"])
  }

  @Test("a mail greets by name, says what happened and carries the notice's key")
  func mail() async throws {
    let mails = Mutex<[NoticeMail]>([])
    let contact = contact
    let sender = ChannelSender(
      contacts: FixedContacts(answer: { contact }), templates: BuiltIn(),
      sendMail: { mail in mails.withLock { $0.append(mail) } }, writeLog: { _, _ in })
    let notification = notification(.email)
    #expect(try await sender.send(notification) == .sent)
    let mail = try #require(mails.withLock { $0 }.first)
    #expect(mail.to == contact)
    #expect(mail.subject == "Your order 10001 is confirmed")
    #expect(mail.text.hasPrefix("Hello Ada,\n"))
    #expect(mail.key == notification.key)
    #expect(mail.writtenAt == notification.createdAt)
  }

  @Test("nobody to write to is no failure; a peer that is away is one")
  func contacts() async throws {
    let gone = ChannelSender(
      contacts: FixedContacts(answer: { nil }), templates: BuiltIn(), sendMail: { _ in },
      writeLog: { _, _ in })
    #expect(try await gone.send(notification(.email)) == .skipped("the recipient has no address"))
    let away = ChannelSender(
      contacts: FixedContacts(answer: { throw ContactsAway() }), templates: BuiltIn(),
      sendMail: { _ in }, writeLog: { _, _ in })
    await #expect(throws: ContactsAway.self) { try await away.send(notification(.email)) }
  }

  @Test("the user service is asked about users, the order service about guests, nobody about staff")
  func whoIsAsked() async throws {
    let users = ScriptedPeer("user-service") { _ in
      .json(bytes: Array(#"{"email":"ada@example.org","name":"Ada","locale":"en"}"#.utf8))
    }
    let orders = ScriptedPeer("order-service") { _ in
      .json(bytes: Array(#"{"id":"1","email":"guest@example.org","lines":[]}"#.utf8))
    }
    let client = ContactClient(users: users, orders: orders)
    let user = UserID.new()
    let order = UUID128.v7().description
    #expect(
      try await client.contact(of: .user(user))
        == Contact(email: "ada@example.org", name: "Ada", locale: "en"))
    #expect(
      try await client.contact(of: .order(order))
        == Contact(email: "guest@example.org", name: nil))
    #expect(try await client.contact(of: .staff) == nil)
    #expect(users.targets == ["/internal/users/\(user)/contact"])
    #expect(orders.targets == ["/internal/orders/\(order)"])
  }

  @Test("an unknown recipient has no address; any other refusal is to be tried again")
  func refusals() async throws {
    let unknown = ScriptedPeer("user-service") { _ in HTTPResponse(HTTPStatus(404)) }
    let refusing = ScriptedPeer("order-service") { _ in HTTPResponse(HTTPStatus(403)) }
    let client = ContactClient(users: unknown, orders: refusing)
    #expect(try await client.contact(of: .user(.new())) == nil)
    await #expect(throws: UpstreamFailure.self) {
      try await client.contact(of: .order("\(UUID128.v7())"))
    }
  }

  @Test("a mail about an account has its link, asked for when it is sent; too late is no mail")
  func link() async throws {
    let mails = Mutex<[NoticeMail]>([])
    let contact = contact
    func send(_ url: String?) async throws -> DeliveryOutcome {
      let sender = ChannelSender(
        contacts: FixedContacts(answer: { contact }, url: url), templates: BuiltIn(),
        sendMail: { mail in mails.withLock { $0.append(mail) } }, writeLog: { _, _ in })
      return try await sender.send(
        Notification(
          id: .new(), eventID: .v7(), type: "user.password_reset_requested", channel: .email,
          recipient: .user(.new()), params: ["actionId": "\(UUID128.v7())"], state: .queued,
          attempts: 1, readAt: nil, sentAt: nil, createdAt: .now(), locale: "en"))
    }
    #expect(try await send("https://shop.example/reset?token=abc") == .sent)
    #expect(mails.withLock { $0 }[0].text.contains("https://shop.example/reset?token=abc"))
    #expect(try await send(nil) == .skipped("the time for it is over"))
    #expect(mails.withLock { $0.count } == 1)
  }

  @Test("a customer reads a template in their own language, if staff have written one")
  func language() async throws {
    let mails = Mutex<[NoticeMail]>([])
    let german = NoticeTemplate(trusted: "Bestellung {{ number }}", body: "Hallo {{ name }}!")
    let key = TemplateBook.Key(type: "order.confirmed", channel: .email, locale: "de")
    for locale in ["de-CH", "fr"] {
      let sender = ChannelSender(
        contacts: FixedContacts(
          answer: { Contact(email: "ada@example.org", name: "Ada", locale: locale) }),
        templates: BuiltIn(stored: [key: .init(template: german, version: 1)]),
        sendMail: { mail in mails.withLock { $0.append(mail) } }, writeLog: { _, _ in })
      _ = try await sender.send(notification(.email))
    }
    #expect(
      mails.withLock { $0.map(\.subject) }
        == ["Bestellung 10001", "Your order 10001 is confirmed"])
    #expect(mails.withLock { $0[0].text } == "Hallo Ada!")
  }

  @Test("staff are written to where STAFF_EMAIL says; links are asked of the user service")
  func staff() async throws {
    let users = ScriptedPeer("user-service") { request in
      request.path.hasSuffix("/link")
        ? .json(bytes: Array(#"{"url":"https://shop.example/x"}"#.utf8))
        : HTTPResponse(HTTPStatus(410))
    }
    let client = ContactClient(users: users, orders: users, staff: "staff@shop.example")
    #expect(
      try await client.contact(of: .staff) == Contact(email: "staff@shop.example", name: nil))
    let action = UUID128.v7()
    #expect(try await client.link(of: action) == "https://shop.example/x")
    #expect(users.targets == ["/internal/actions/\(action)/link"])
    #expect(try await client.contact(of: .user(.new())) == nil)
  }

  // MARK: To a mail server

  private func sender(to server: ScriptedServer) throws -> ChannelSender {
    let settings = try Settings(
      environment: [
        "DISCOVERY": "static", "SMTP_URL": "smtp://\(server.authority)",
        "MAIL_FROM": "shop@shop.example",
      ], for: .inspect, portDefault: 0)
    let contact = contact
    return ChannelSender(
      contacts: FixedContacts(answer: { contact }), templates: BuiltIn(),
      mailer: try Mailer(settings: settings, group: NotificationsBench.loops),
      logger: NotificationsBench.logger)
  }

  @Test("the same notice sent twice has the same Message-ID, another one has another")
  func messageID() async throws {
    let mailbox = MailCatcher()
    let server = try ScriptedServer { mailbox.serve($0) }
    defer { server.close() }
    let sender = try sender(to: server)
    let notification = notification(.email)
    for notice in [notification, notification, self.notification(.email)] {
      #expect(try await sender.send(notice) == .sent)
    }
    let ids = mailbox.lines.filter { $0.hasPrefix("Message-ID:") }
    #expect(ids.count == 3)
    #expect(ids[0] == ids[1])
    #expect(ids[0] != ids[2])
    #expect(ids.allSatisfy { $0.hasSuffix("@shop.example>") })
    #expect(mailbox.lines.contains("To: Ada <ada@example.org>"))
    #expect(mailbox.lines.contains("Subject: Your order 10001 is confirmed"))
  }

  @Test("a mailbox that is refused for good is not tried again, a busy server is")
  func refusedMail() async throws {
    let gone = try ScriptedServer {
      MailCatcher(recipientReply: "550 no ada@example.org").serve($0)
    }
    defer { gone.close() }
    let error = await #expect(throws: Undeliverable.self) {
      try await sender(to: gone).send(notification(.email))
    }
    #expect(error?.reason == "refused with code 550")
    let busy = try ScriptedServer { MailCatcher(recipientReply: "451 later").serve($0) }
    defer { busy.close() }
    await #expect(throws: Mailer.Failure.self) {
      try await sender(to: busy).send(notification(.email))
    }
  }

  @Test("without SMTP_URL there is no mailer; a bad one is a fault of the settings")
  func settings() throws {
    func mailer(_ url: String?, from: String = "") throws -> Mailer? {
      var environment = ["DISCOVERY": "static", "MAIL_FROM": from]
      environment["SMTP_URL"] = url
      return try Mailer(
        settings: Settings(environment: environment, for: .inspect, portDefault: 0),
        group: NotificationsBench.loops)
    }
    #expect(try mailer(nil) == nil)
    #expect(try mailer("") == nil)
    #expect(throws: SettingsFailure.self) { try mailer("http://127.0.0.1:25") }
    #expect(throws: SettingsFailure.self) { try mailer("smtp://127.0.0.1:25", from: "shop") }
  }
}

private struct ContactsAway: Error {}

private struct FixedContacts: ContactBook {
  let answer: @Sendable () throws -> Contact?
  var url: String?

  func contact(of recipient: Recipient) async throws -> Contact? { try answer() }
  func link(of action: UUID128) async throws -> String? { url }
}

/// Nobody has written a template.
private struct BuiltIn: TemplateStore {
  var stored: [TemplateBook.Key: TemplateBook.Entry] = [:]

  func book() async throws -> TemplateBook { TemplateBook(stored: stored) }

  func save(
    _ template: NoticeTemplate, at key: TemplateBook.Key, version: Int?
  ) async throws -> Int? { nil }
}

/// A peer that answers as a test says.
private final class ScriptedPeer: Upstream {
  let name: String
  private let answer: @Sendable (HTTPRequest) -> HTTPResponse
  private let asked = Mutex<[String]>([])

  init(_ name: String, _ answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse) {
    self.name = name
    self.answer = answer
  }

  var targets: [String] { asked.withLock { $0 } }

  func send(_ request: HTTPRequest, options: CallOptions) async throws -> HTTPResponse {
    asked.withLock { $0.append(request.target) }
    return answer(request)
  }
}
