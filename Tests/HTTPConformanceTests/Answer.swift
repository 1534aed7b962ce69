/// What one answer must be. Some things hold for all of them: see `ReceivedAnswer.check`.
struct Answer: Sendable {
  var status: Int
  /// In Latin-1; nil if only its framing matters.
  var body: String?
  /// Fields that it must have once, with this value.
  var fields: [String: String] = [:]
  /// It answers a HEAD: whatever its length says, no body follows.
  var isToHead = false
  /// The value of `Connection`; nil if it has none.
  var connection: String?
  /// The request as the parser must have read it: `GET /path?query`.
  var request: String?
  /// Values that the parser must have read for a field, in order.
  var received: [String: [String]] = [:]

  init(_ status: Int, _ body: String? = nil, _ fields: [String: String] = [:]) {
    self.status = status
    self.body = body
    self.fields = fields
  }

  // The answers of bench-server's routes, which the tables use.

  /// `/plaintext` and `/plaintext-async`.
  static let hello = Answer(
    200, "Hello, World!", ["Content-Type": "text/plain", "Content-Length": "13"])
  /// HEAD of the same.
  static let helloHead = hello.toHead
  static let json = Answer(
    200, #"{"message":"Hello, World!"}"#, ["Content-Type": "application/json"])
  /// Nothing is there, or the path has no such method: the body tells no more than the status.
  static let notFound = problem(404, "Not Found")
  static let badRequest = problem(400, "Bad Request")
  /// OPTIONS.
  static func allowing(_ methods: String) -> Answer { Answer(204, "", ["Allow": methods]) }
  static func notAllowed(_ allowed: String) -> Answer {
    var answer = problem(405, "Method Not Allowed")
    answer.fields["Allow"] = allowed
    return answer
  }
  /// `/mirror`.
  static func mirrored(_ body: String) -> Answer {
    let type = body.isEmpty ? [:] : ["Content-Type": "application/octet-stream"]
    return Answer(200, body, type)
  }

  private static func problem(_ status: Int, _ title: String) -> Answer {
    Answer(
      status, #"{"type":"about:blank","title":"\#(title)","status":\#(status)}"#,
      ["Content-Type": "application/problem+json"])
  }

  // Variations.

  var toHead: Answer { changed { $0.isToHead = true } }
  var closing: Answer { changed { $0.connection = "close" } }
  var keepingAlive: Answer { changed { $0.connection = "keep-alive" } }
  func to(_ request: String) -> Answer { changed { $0.request = request } }
  func having(_ name: String, _ values: String...) -> Answer {
    changed { $0.received[name] = values }
  }

  private func changed(_ change: (inout Answer) -> Void) -> Answer {
    var answer = self
    change(&answer)
    return answer
  }
}

/// What a case found instead of what it expects.
struct Mismatch: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}

extension String {
  /// The bytes that the text stands for, one for each letter.
  var latin1: [UInt8] { unicodeScalars.map { UInt8($0.value) } }

  init(latin1 bytes: some Sequence<UInt8>) {
    var text = ""
    for byte in bytes { text.unicodeScalars.append(Unicode.Scalar(byte)) }
    self = text
  }
}
