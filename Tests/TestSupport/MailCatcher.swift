import Synchronization

/// A mail server, for a `ScriptedServer`: takes all mails, or refuses every recipient.
package final class MailCatcher: Sendable {
  private let recipientReply: String
  private let taken = Mutex<(mails: Int, lines: [String])>((0, []))

  package init(recipientReply: String = "250 ok") {
    self.recipientReply = recipientReply
  }

  /// Of all mails' texts, heads included.
  package var lines: [String] { taken.withLock { $0.lines } }

  /// How many mails were taken.
  package var count: Int { taken.withLock { $0.mails } }

  package func serve(_ connection: ScriptedConnection) {
    connection.write("220 mailbox ready\r\n")
    while let line = connection.readLine() {
      switch line.prefix(4).uppercased() {
      case "RCPT": connection.write("\(recipientReply)\r\n")
      case "DATA":
        connection.write("354 go on\r\n")
        while let line = connection.readLine(), line != "." {
          taken.withLock { $0.lines.append(line) }
        }
        taken.withLock { $0.mails += 1 }
        connection.write("250 taken\r\n")
      case "QUIT":
        connection.write("221 bye\r\n")
        return
      default: connection.write("250 ok\r\n")
      }
    }
  }
}
