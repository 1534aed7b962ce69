import Glibc
import Synchronization
import TestSupport

/// Stands in front of a service and steals answers: a write that comes on a connection used before is
/// carried out, its answer is kept, and the connection is closed.
///
/// `resilience-drills thief --of PORT`; GET /tally tells how many answers it has stolen.
enum Thief {
  private static let patienceSeconds = 10

  static func run(inFrontOf port: UInt16) throws {
    let stolen = Atomic(0)
    let server = try ScriptedServer { connection in
      var isReused = false
      while let request = connection.readRequest() {
        if request.hasPrefix("GET /tally ") {
          let body = "{\"stolen\": \(stolen.load(ordering: .relaxed))}"
          connection.write(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
              + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
          continue
        }
        // A service that does not answer ends the client's connection too.
        guard let answer = try? ask(port, request) else { return }
        if isReused, !request.hasPrefix("GET") {
          stolen.add(1, ordering: .relaxed)
          return
        }
        connection.write(answer)
        isReused = true
      }
    }
    print("listening on \(server.port)")
    fflush(nil)
    while true { sleep(3600) }
  }

  /// Sends a request on a connection of its own.
  ///
  /// - Returns: the whole answer.
  private static func ask(_ port: UInt16, _ request: String) throws -> String {
    let socket = try LoopbackSocket(port: port, patienceSeconds: patienceSeconds)
    try socket.send(Array(request.utf8))
    var answer: [UInt8] = []
    while true {
      let bytes = try socket.receive()
      answer += bytes
      let text = String(decoding: answer, as: UTF8.self)
      if let head = text.firstRange(of: "\r\n\r\n") {
        let length = text[..<head.lowerBound].split(separator: "\r\n")
          .first { $0.lowercased().hasPrefix("content-length:") }
          .flatMap { Int($0.split(separator: ":")[1].drop { $0 == " " }) }
        if text[head.upperBound...].utf8.count >= length ?? 0 { return text }
      }
      if bytes.isEmpty { throw Trouble("the service closed before its answer was whole") }
    }
  }
}
