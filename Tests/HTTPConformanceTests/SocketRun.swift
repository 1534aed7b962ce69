import EventLoops

/// Runs cases against a server on a loopback port. Blocks.
struct SocketRun {
  let port: UInt16

  /// - Returns: how many connections it took.
  /// - Throws: `Mismatch`.
  func check(_ script: Case.Script) throws -> Int {
    switch script {
    case .message(let message, let outcome):
      try checkWhole(message.latin1, outcome)
      try checkInPieces(message.latin1, outcome)
      return 2
    case .dialogue(let steps):
      let client = try RawClient(port: port)
      for step in steps { try take(step, client) }
      return 1
    case .parity(let message):
      try checkParity(message)
      return 2
    }
  }

  // MARK: Messages

  /// Everything at once, and behind it a request: to be served if the connection goes on, and not to
  /// be if it does not.
  private func checkWhole(_ bytes: [UInt8], _ outcome: Outcome) throws {
    let client = try RawClient(port: port)
    client.send(outcome.end == .waits ? bytes : bytes + get().latin1)
    try readAnswers(outcome, client)
    if outcome.end == .open {
      try ReceivedAnswer(from: client, toHead: false).check(is: .hello)
    }
    try finish(outcome, client)
  }

  /// A byte at a time, or in many pieces if it is long; then, if the connection goes on, a request.
  private func checkInPieces(_ bytes: [UInt8], _ outcome: Outcome) throws {
    let client = try RawClient(port: port)
    let size = max(1, bytes.count / 300)
    for start in stride(from: 0, to: bytes.count, by: size) {
      // A server that refuses early may be gone before the last piece.
      guard client.send(bytes[start..<min(start + size, bytes.count)]) else { break }
    }
    try readAnswers(outcome, client)
    if outcome.end == .open {
      client.send(get().latin1)
      try ReceivedAnswer(from: client, toHead: false).check(is: .hello)
    }
    try finish(outcome, client)
  }

  private func readAnswers(_ outcome: Outcome, _ client: RawClient) throws {
    for (index, answer) in outcome.answers.enumerated() {
      let isLast = outcome.end == .closes && index == outcome.answers.count - 1
      try read(isLast ? answer.closing : answer, client)
    }
    if case .refused(let status, let toHead) = outcome.end {
      try ReceivedAnswer(from: client, toHead: toHead).check(isRefusal: status, toHead: toHead)
    }
  }

  private func read(_ answer: Answer, _ client: RawClient) throws {
    try ReceivedAnswer(from: client, toHead: answer.isToHead).check(is: answer)
  }

  private func finish(_ outcome: Outcome, _ client: RawClient) throws {
    switch outcome.end {
    case .closes, .refused: break
    case .open: client.finishSending()
    case .waits:
      client.finishSending()
      try ReceivedAnswer(from: client, toHead: false).check(isRefusal: 400, toHead: false)
    }
    try checkEnd(client)
  }

  private func checkEnd(_ client: RawClient) throws {
    let rest = try client.rest()
    guard rest.isEmpty else {
      throw Mismatch("more came: \(String(latin1: rest.prefix(200)).debugDescription)")
    }
    guard client.end == .orderly else { throw Mismatch("a reset instead of an end") }
  }

  // MARK: Dialogues

  private func take(_ step: Step, _ client: RawClient) throws {
    switch step {
    case .send(let text): client.send(text.latin1)
    case .drip(let text):
      for byte in text.latin1 {
        let next = MonotonicTime.now() + .milliseconds(4)
        while MonotonicTime.now() < next, !client.hasNews {}
        guard !client.hasNews, client.send([byte]) else { break }
      }
    case .deliver(let text):
      for piece in stride(from: 0, to: text.utf8.count, by: 20_000) {
        guard client.send(text.latin1[piece..<min(piece + 20_000, text.utf8.count)]) else {
          throw Mismatch("a reset while it still sends")
        }
        let next = MonotonicTime.now() + .milliseconds(4)
        while MonotonicTime.now() < next {}
      }
    case .answer(let answer): try read(answer, client)
    case .interim: try read(Answer(100, ""), client)
    case .refusal(let status):
      try ReceivedAnswer(from: client, toHead: false).check(isRefusal: status, toHead: false)
    case .finishSending: client.finishSending()
    case .end: try checkEnd(client)
    case .cut: _ = try client.rest()
    }
  }

  // MARK: HEAD

  private func checkParity(_ message: String) throws {
    let answers = try ["GET", "HEAD"].map { method in
      let client = try RawClient(port: port)
      client.send((method + message.dropFirst(3)).latin1)
      let answer = try ReceivedAnswer(from: client, toHead: method == "HEAD")
      client.finishSending()
      try checkEnd(client)
      return answer
    }
    let lines = answers.map { answer in
      answer.fields.filter { !["Date", "X-Request-Id"].contains($0.name) }.map {
        "\($0.name): \($0.value)"
      }
    }
    guard answers[0].status == answers[1].status, lines[0] == lines[1] else {
      throw Mismatch("HEAD \(answers[1].status) \(lines[1]), GET \(answers[0].status) \(lines[0])")
    }
  }
}
