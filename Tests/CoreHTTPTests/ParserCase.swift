import HTTPMessages
import Testing

@testable import CoreHTTP

/// Raw bytes and what the parser must make of them, however they are cut.
struct ParserCase: Sendable, CustomTestStringConvertible {
  /// Where the rule is written, such as `9112 §3`.
  let section: String
  let bytes: [UInt8]
  let outcome: Outcome

  /// What came of a message: the requests in order, each as `METHOD target body`, then how it ended.
  struct Outcome: Equatable, Sendable {
    enum End: Equatable, Sendable {
      /// Nothing is left over.
      case complete
      /// More bytes are needed.
      case incomplete
      case refused(Int)
    }
    var requests: [String] = []
    var end = End.complete
  }

  init(_ section: String, _ text: String, served requests: String...) {
    self.init(section, Array(text.utf8), Outcome(requests: requests))
  }

  init(_ section: String, _ text: String, refused status: Int, after requests: String...) {
    self.init(section, Array(text.utf8), Outcome(requests: requests, end: .refused(status)))
  }

  init(_ section: String, incomplete text: String) {
    self.init(section, Array(text.utf8), Outcome(end: .incomplete))
  }

  init(_ section: String, _ bytes: [UInt8], _ outcome: Outcome) {
    self.section = section
    self.bytes = bytes
    self.outcome = outcome
  }

  var testDescription: String {
    "\(section): \(String(decoding: bytes.prefix(80), as: UTF8.self).debugDescription)"
  }

  /// Checks the outcome for the whole message, for every cut in two, and byte by byte.
  func check(limits: HTTPLimits = .init()) {
    #expect(Self.outcome(of: [bytes[...]], limits: limits) == outcome)
    #expect(Self.outcome(of: bytes.indices.map { bytes[$0...$0] }, limits: limits) == outcome)
    guard bytes.count <= 400 else { return }
    for cut in bytes.indices {
      let pieces = [bytes[..<cut], bytes[cut...]]
      let found = Self.outcome(of: pieces, limits: limits)
      if found != outcome { Issue.record("cut at \(cut): \(found)") }
    }
  }

  /// Feeds the pieces one after the other, as a connection does.
  static func outcome(of pieces: [ArraySlice<UInt8>], limits: HTTPLimits = .init()) -> Outcome {
    var parser = RequestParser(limits: limits)
    var outcome = Outcome()
    var pending: [UInt8] = []
    for piece in pieces {
      pending += piece
      var isStuck = pending.isEmpty
      while !isStuck {
        var consumed = 0
        let step = parser.advance(pending.span, consumed: &consumed)
        pending.removeFirst(consumed)
        switch step {
        case .incomplete: isStuck = true
        case .head:
          do throws(Refusal) {
            try parser.admitBody()
          } catch {
            outcome.end = .refused(error.status.code)
            return outcome
          }
          isStuck = pending.isEmpty
        case .request:
          outcome.requests.append(summary(parser.takeRequest()))
          isStuck = pending.isEmpty
        case .refused(let refusal):
          outcome.end = .refused(refusal.status.code)
          return outcome
        }
      }
    }
    if parser.isInsideRequest || !pending.isEmpty { outcome.end = .incomplete }
    return outcome
  }

  private static func summary(_ request: HTTPRequest) -> String {
    let start = "\(request.method.rawValue) \(request.target)"
    return request.body.isEmpty
      ? start : start + " " + String(decoding: request.body, as: UTF8.self)
  }
}

/// A request of HTTP/1.1 with a Host and these further lines and body.
func get(_ target: String = "/", _ lines: String..., body: String = "") -> String {
  message("GET", target, lines, body)
}

func post(_ lines: String..., body: String = "") -> String {
  message("POST", "/", lines, body)
}

private func message(
  _ method: String, _ target: String, _ lines: [String], _ body: String
) -> String {
  (["\(method) \(target) HTTP/1.1", "Host: a"] + lines).map { $0 + "\r\n" }.joined()
    + "\r\n" + body
}
