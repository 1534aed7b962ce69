import CoreHTTP
import Testing

/// One rule of HTTP as this server keeps it, with the cases that hold it there.
struct Rule: Sendable {
  /// The rule, as docs/http-conformance.md states it.
  let text: String
  /// Where it is written: `9112 §3` is section 3 of RFC 9112.
  let section: String
  let cases: [Case]

  init(_ text: String, _ section: String, _ cases: [Case]) {
    self.text = text
    self.section = section
    self.cases = cases
  }
}

/// A part of the rules: one table file, one heading of docs/http-conformance.md.
struct Part: Sendable, CustomTestStringConvertible {
  let name: String
  let rules: [Rule]

  static let all = [
    Part(name: "Request line", rules: requestLineRules),
    Part(name: "Target", rules: targetRules),
    Part(name: "Fields", rules: fieldRules),
    Part(name: "Body", rules: bodyRules),
    Part(name: "Expect and Upgrade", rules: expectationRules),
    Part(name: "Connections", rules: connectionRules),
    Part(name: "Answers", rules: answerRules),
    Part(name: "Limits", rules: limitRules),
  ]

  var testDescription: String { name }
  var caseCount: Int { rules.reduce(0) { $0 + $1.cases.count } }
}

/// Bytes in, and what must come of them.
///
/// Text stands for bytes by Latin-1: the letter U+00FF is the byte 0xFF.
struct Case: Sendable {
  enum Script: Sendable {
    /// One client's bytes, however they are cut: for the parser alone and over sockets.
    case message(String, Outcome)
    /// A client that waits for answers, or for time to pass: over sockets.
    case dialogue([Step])
    /// A GET. As a HEAD it must get the same answer without the body: over sockets.
    case parity(String)
  }
  let name: String
  let script: Script
  /// nil: the server's own. With others the case needs a server of its own, inside the test.
  var limits: Limits?
}

/// What a message comes to: its answers in order, and how the connection stands then.
struct Outcome: Sendable {
  enum End: Equatable, Sendable {
    /// The connection serves the next request.
    case open
    /// The last answer says close; nothing behind it is served.
    case closes
    /// One more answer: the server's own refusal. Nothing behind it is served.
    case refused(Int, toHead: Bool)
    /// The message is not whole.
    case waits
  }
  var answers: [Answer] = []
  var end = End.open
}

/// One step of a client.
enum Step: Sendable {
  case send(String)
  /// A byte every few milliseconds, until all are sent or the server has ended.
  case drip(String)
  /// Bit by bit, and all of it must be taken: a reset shows in what is sent after it.
  case deliver(String)
  case answer(Answer)
  /// 100, and nothing with it.
  case interim
  case refusal(Int)
  /// Ends the sending side.
  case finishSending
  /// The server ends the connection in order, and sends nothing more before.
  case end
  /// The server ends the connection, perhaps in the middle of an answer.
  case cut
}

/// Limits that differ from the defaults.
typealias Limits = @Sendable (inout HTTPLimits) -> Void

// MARK: Ways to write a case

/// Each request has its answer, and the connection goes on.
func serve(_ name: String, _ message: String, _ answers: Answer...) -> Case {
  Case(name: name, script: .message(message, Outcome(answers: answers)))
}

/// The last request's answer is the connection's last.
func close(_ name: String, _ message: String, _ answers: Answer...) -> Case {
  Case(name: name, script: .message(message, Outcome(answers: answers, end: .closes)))
}

/// The server refuses with that status, behind the answers to what came ahead.
func refuse(
  _ name: String, _ message: String, _ status: Int = 400, after answers: Answer...,
  toHead: Bool = false
) -> Case {
  let end = Outcome.End.refused(status, toHead: toHead)
  return Case(name: name, script: .message(message, Outcome(answers: answers, end: end)))
}

/// The message is a part of one: nothing is answered but what came ahead.
func wait(_ name: String, _ message: String, after answers: Answer...) -> Case {
  Case(name: name, script: .message(message, Outcome(answers: answers, end: .waits)))
}

/// HEAD and GET are answered alike.
func parity(_ name: String, _ get: String) -> Case {
  Case(name: name, script: .parity(get))
}

/// What a client sees that takes its time. With `limits`, the case has a server of its own.
func dialogue(_ name: String, limits: Limits? = nil, _ steps: Step...) -> Case {
  Case(name: name, script: .dialogue(steps), limits: limits)
}
