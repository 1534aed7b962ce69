import Glibc
import Synchronization
import TestSupport

/// An upstream that reads a POST and writes it down, and then closes a connection that was used before
/// instead of answering: what libcurl takes for a dead connection, and sends again by itself.
///
/// `resilience-drills ledger`; GET /tally tells how often each entry was read.
enum Ledger {
  static func run() throws {
    let book = Book()
    let server = try ScriptedServer { connection in
      var isReused = false
      while let request = connection.readRequest() {
        let target = request.split(separator: " ").dropFirst().first.map(String.init) ?? ""
        if request.hasPrefix("POST") {
          book.write(target)
          if isReused { return }
        }
        let body = target == "/tally" ? book.json : "{}"
        connection.write(
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        )
        isReused = true
      }
    }
    print("listening on \(server.port)")
    fflush(nil)
    while true { sleep(3600) }
  }

  private final class Book: Sendable {
    private let entries = Mutex<[String: Int]>([:])

    func write(_ entry: String) { entries.withLock { $0[entry, default: 0] += 1 } }

    var json: String {
      let members = entries.withLock { $0 }.map { "\"\($0)\": \($1)" }
      return "{\(members.joined(separator: ", "))}"
    }
  }
}
