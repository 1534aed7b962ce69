import CoreHTTP
import HTTPMessages

/// Runs a message through the parser alone, and its requests through the routes.
struct ParserRun {
  /// What the parser made of a message.
  struct Found {
    enum End: Equatable {
      case open
      case closes
      case refused(Int, toHead: Bool)
      case waits
    }
    var requests: [HTTPRequest] = []
    var end = End.open

    /// Everything of it, to be compared.
    var summary: String {
      let requests = requests.map {
        "\($0.method.rawValue) \($0.target)\n\($0.fields)\n\($0.body.count) \($0.body.hashValue)"
      }
      return (requests + ["\(end)"]).joined(separator: "\n\n")
    }
  }

  let router: Router

  /// Whole; with a request behind it that must not be reached; a byte at a time; and cut in two at
  /// every place (of long messages, at some).
  ///
  /// - Returns: how many ways of cutting were tried.
  /// - Throws: `Mismatch`.
  func check(_ message: String, _ outcome: Outcome) async throws -> Int {
    let bytes = message.latin1
    let found = read([bytes[...]])
    try await check(found, outcome)
    let summary = found.summary
    var ways = [bytes.indices.map { bytes[$0...$0] }]
    if outcome.end != .waits, outcome.end != .open { ways.append([(bytes + get().latin1)[...]]) }
    for cut in Self.cuts(bytes.count) { ways.append([bytes[..<cut], bytes[cut...]]) }
    for pieces in ways {
      let other = read(pieces).summary
      if other != summary {
        throw Mismatch("in pieces of \(pieces.prefix(2).map(\.count)): \(other)")
      }
    }
    return ways.count + 1
  }

  private static func cuts(_ count: Int) -> [Int] {
    switch count {
    case ...600: Array(0...count)
    case ...70_000: Array(0..<40) + Array(stride(from: 40, to: count, by: count / 40)) + [count - 1]
    default: [1, 90, 4096, count / 2, count - 1]
    }
  }

  /// Feeds the pieces one after the other, as a connection does.
  private func read(_ pieces: [ArraySlice<UInt8>]) -> Found {
    var parser = RequestParser()
    var found = Found()
    var input: [UInt8] = []
    var start = 0
    for piece in pieces {
      input += piece
      var isStuck = start == input.count
      while !isStuck {
        var consumed = 0
        let step = parser.advance(input.span.extracting(start...), consumed: &consumed)
        start += consumed
        switch step {
        case .incomplete: isStuck = true
        case .head:
          if let refusal = admit(&parser) {
            found.end = .refused(refusal.status.code, toHead: parser.isHead)
            return found
          }
        case .request:
          found.requests.append(parser.takeRequest())
          guard parser.keepsAlive else {
            found.end = .closes
            return found
          }
        case .refused(let refusal):
          found.end = .refused(refusal.status.code, toHead: parser.isHead)
          return found
        }
        isStuck = isStuck || start == input.count
      }
    }
    if parser.isInsideRequest || start < input.count { found.end = .waits }
    return found
  }

  private func admit(_ parser: inout RequestParser) -> Refusal? {
    do throws(Refusal) {
      guard case .whole(let bytesMax) = router.bodyAdmission(for: parser.head) else {
        try parser.admitBody()
        return nil
      }
      try parser.admitBody(bytesMax: bytesMax)
      return nil
    } catch {
      return error
    }
  }

  // MARK: Checks

  private func check(_ found: Found, _ outcome: Outcome) async throws {
    let end: Found.End =
      switch outcome.end {
      case .open: .open
      case .closes: .closes
      case .refused(let status, let toHead): .refused(status, toHead: toHead)
      case .waits: .waits
      }
    guard found.end == end else { throw Mismatch("\(found.end) instead of \(end)") }
    guard found.requests.count == outcome.answers.count else {
      throw Mismatch("\(found.requests.count) requests instead of \(outcome.answers.count)")
    }
    for (request, answer) in zip(found.requests, outcome.answers) {
      try check(request, answer)
      try check(await response(to: request), answer)
    }
  }

  /// A query that cannot be read is answered by the server, not by the route.
  private func response(to request: HTTPRequest) async throws -> HTTPResponse {
    do {
      return try await router.handle(request)
    } catch is HTTPRequest.QueryError {
      return ProblemBody.response(.badRequest)
    }
  }

  private func check(_ request: HTTPRequest, _ answer: Answer) throws {
    let line = "\(request.method.rawValue) \(request.target)"
    if let expected = answer.request, line != expected {
      throw Mismatch("\(line) instead of \(expected)")
    }
    for (name, expected) in answer.received {
      let values = HTTPFieldName(name).map { request.fields.values($0) } ?? []
      if values != expected { throw Mismatch("\(name) is \(values) instead of \(expected)") }
    }
  }

  private func check(_ response: HTTPResponse, _ answer: Answer) throws {
    guard response.status.code == answer.status else {
      throw Mismatch("\(response.status.code) instead of \(answer.status)")
    }
    if let body = answer.body, !answer.isToHead, response.body != body.latin1 {
      throw Mismatch("body: \(String(latin1: response.body.prefix(200)))")
    }
  }
}
