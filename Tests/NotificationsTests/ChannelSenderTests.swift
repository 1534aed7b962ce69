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
      sentAt: nil, createdAt: Timestamp(microseconds: 1_790_000_000_000_000))
  }

  @Test("the log channel writes a line and is done, whoever does not answer")
  func log() async throws {
    let lines = Mutex<[String]>([])
    let sender = ChannelSender(
      contacts: FixedContacts { throw ContactsAway() }, sendMail: nil,
      writeLog: { _, text in lines.withLock { $0.append(text.subject) } })
    #expect(try await sender.send(notification(.log)) == .sent)
    #expect(lines.withLock { $0 } == ["Your order 10001 is confirmed"])
  }

  @Test("a mail greets by name, says what happened and carries the notice's key")
  func mail() async throws {
    let mails = Mutex<[NoticeMail]>([])
    let contact = contact
    let sender = ChannelSender(
      contacts: FixedContacts { contact },
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
      contacts: FixedContacts { nil }, sendMail: { _ in }, writeLog: { _, _ in })
    #expect(try await gone.send(notification(.email)) == .skipped("the recipient has no address"))
    let away = ChannelSender(
      contacts: FixedContacts { throw ContactsAway() }, sendMail: { _ in }, writeLog: { _, _ in })
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
    #expect(try await client.contact(of: .user(user)) == contact)
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

  // MARK: To a mail server

  private func sender(to server: ScriptedServer) throws -> ChannelSender {
    let settings = try Settings(
      environment: [
        "DISCOVERY": "static", "SMTP_URL": "smtp://\(server.authority)",
        "MAIL_FROM": "shop@shop.example",
      ], for: .inspect, portDefault: 0)
    let contact = contact
    return ChannelSender(
      contacts: FixedContacts { contact },
      mailer: try Mailer(settings: settings, group: NotificationsBench.loops),
      logger: NotificationsBench.logger)
  }

  @Test("the same notice sent twice has the same Message-ID, another one has another")
  func messageID() async throws {
    let mailbox = Mailbox()
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
    let gone = try ScriptedServer { Mailbox(recipientReply: "550 no ada@example.org").serve($0) }
    defer { gone.close() }
    let error = await #expect(throws: Undeliverable.self) {
      try await sender(to: gone).send(notification(.email))
    }
    #expect(error?.reason == "refused with code 550")
    let busy = try ScriptedServer { Mailbox(recipientReply: "451 later").serve($0) }
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

  func contact(of recipient: Recipient) async throws -> Contact? { try answer() }
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

/// A mail server that takes all mails, or refuses the recipient.
private final class Mailbox: Sendable {
  private let recipientReply: String
  private let taken = Mutex<[String]>([])

  init(recipientReply: String = "250 ok") {
    self.recipientReply = recipientReply
  }

  /// Of the mails' texts.
  var lines: [String] { taken.withLock { $0 } }

  func serve(_ connection: ScriptedConnection) {
    connection.write("220 mailbox ready\r\n")
    while let line = connection.readLine() {
      switch line.prefix(4).uppercased() {
      case "RCPT": connection.write("\(recipientReply)\r\n")
      case "DATA":
        connection.write("354 go on\r\n")
        while let line = connection.readLine(), line != "." {
          taken.withLock { $0.append(line) }
        }
        connection.write("250 taken\r\n")
      case "QUIT":
        connection.write("221 bye\r\n")
        return
      default: connection.write("250 ok\r\n")
      }
    }
  }
}
