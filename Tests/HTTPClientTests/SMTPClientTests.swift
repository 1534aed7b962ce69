import EventLoops
import Synchronization
import TestSupport
import Testing

@testable import HTTPClient

@Suite("SMTPClient", .timeLimit(.minutes(1)))
struct SMTPClientTests {
  let mail: MailMessage

  init() throws {
    mail = MailMessage(
      from: try MailAddress("shop@example.org"), to: try MailAddress("ada@example.org"),
      subject: "Your order", messageID: "1@example.org", writtenAt: 0, text: "Thank you.\n")
  }

  func client(_ server: ScriptedServer) throws -> SMTPClient {
    var limits = ClientLimits()
    limits.exchangeTimeout = .seconds(10)
    return try SMTPClient(
      url: "smtp://\(server.authority)", security: .none, limits: limits, group: oneLoop)
  }

  @Test("a mail arrives with its envelope and its text")
  func delivery() async throws {
    let mailbox = Mailbox()
    let server = try ScriptedServer { mailbox.serve($0) }
    defer { server.close() }
    try await client(server).send(mail)
    #expect(mailbox.commands.contains("MAIL FROM:<shop@example.org>"))
    #expect(mailbox.commands.contains("RCPT TO:<ada@example.org>"))
    #expect(mailbox.texts == [String(decoding: try mail.mime(), as: UTF8.self)])
  }

  @Test(
    "a refusal is told with its code, at whatever step, and whether it may pass",
    arguments: [
      ("MAIL", 451, true), ("RCPT", 550, false), ("RCPT", 450, true), ("DATA", 554, false),
      (".", 452, true),
    ])
  func refusal(step: String, code: Int, isTemporary: Bool) async throws {
    let mailbox = Mailbox(refusing: step, with: "\(code) no, thank you")
    let server = try ScriptedServer { mailbox.serve($0) }
    defer { server.close() }
    let client = try client(server)
    let error = await #expect(throws: MailError.self) { try await client.send(mail) }
    #expect(error == .refused(code: code, reply: "\(code) no, thank you"))
    #expect(error?.isTemporary == isTemporary)
  }

  @Test("a server that is not there: not sent, and to be tried again")
  func notThere() async throws {
    let port = try LoopbackPort.free(1)[0]
    let client = try SMTPClient(
      url: "smtp://127.0.0.1:\(port)", security: .none, group: oneLoop)
    let error = await #expect(throws: MailError.self) { try await client.send(mail) }
    guard case .notSent = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(error?.isTemporary == true)
  }

  @Test("a connection lost after the text: it may have been sent")
  func lostAfterText() async throws {
    let mailbox = Mailbox(vanishingAfter: ".")
    let server = try ScriptedServer { mailbox.serve($0) }
    defer { server.close() }
    let client = try client(server)
    let error = await #expect(throws: MailError.self) { try await client.send(mail) }
    guard case .maybeSent = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("a connection lost before the text: not sent")
  func lostBeforeText() async throws {
    let mailbox = Mailbox(vanishingAfter: "RCPT")
    let server = try ScriptedServer { mailbox.serve($0) }
    defer { server.close() }
    let client = try client(server)
    let error = await #expect(throws: MailError.self) { try await client.send(mail) }
    guard case .notSent = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("where TLS is required, a server without it gets no mail")
  func tlsRequired() async throws {
    let mailbox = Mailbox()
    let server = try ScriptedServer { mailbox.serve($0) }
    defer { server.close() }
    let client = try SMTPClient(url: "smtp://\(server.authority)", group: oneLoop)
    let error = await #expect(throws: MailError.self) { try await client.send(mail) }
    guard case .notSent = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(!mailbox.commands.contains { $0.hasPrefix("MAIL") })
  }

  @Test(
    "a URL that is not a mail server's is refused",
    arguments: ["", "http://host", "smtp://user:secret@host", "smtp://host\r\n", "host:25"])
  func badURL(url: String) {
    #expect(throws: MailError.self) { try SMTPClient(url: url, group: oneLoop) }
  }
}

/// The least of a mail server (RFC 5321), with faults at will.
private final class Mailbox: Sendable {
  private struct State {
    var commands: [String] = []
    var texts: [String] = []
  }
  private let state = Mutex(State())
  private let refusedStep: String?
  private let refusal: String
  private let lastStep: String?

  /// - Parameters:
  ///   - refusing: the verb, or `.` for the end of the text, that gets the reply `with`.
  ///   - vanishingAfter: the verb, or `.`, after which the connection is closed without a reply.
  init(
    refusing refusedStep: String? = nil, with refusal: String = "",
    vanishingAfter lastStep: String? = nil
  ) {
    self.refusedStep = refusedStep
    self.refusal = refusal
    self.lastStep = lastStep
  }

  var commands: [String] { state.withLock(\.commands) }
  var texts: [String] { state.withLock(\.texts) }

  func serve(_ connection: ScriptedConnection) {
    connection.write("220 mailbox ready\r\n")
    while let line = connection.readLine() {
      state.withLock { $0.commands.append(line) }
      let verb = String(line.prefix(4)).uppercased()
      if verb == lastStep { return }
      if verb == refusedStep {
        connection.write("\(refusal)\r\n")
        continue
      }
      switch verb {
      case "QUIT":
        connection.write("221 bye\r\n")
        return
      case "DATA":
        connection.write("354 go on\r\n")
        let text = readText(connection)
        if lastStep == "." { return }
        if refusedStep == "." {
          connection.write("\(refusal)\r\n")
        } else {
          state.withLock { $0.texts.append(text) }
          connection.write("250 taken\r\n")
        }
      default: connection.write("250 ok\r\n")
      }
    }
  }

  /// Up to the lone dot, with the doubled dots undone.
  private func readText(_ connection: ScriptedConnection) -> String {
    var text = ""
    while let line = connection.readLine(), line != "." {
      text += (line.hasPrefix("..") ? String(line.dropFirst()) : line) + "\r\n"
    }
    return text
  }
}
