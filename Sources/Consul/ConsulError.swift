/// What Consul's answer, or the lack of one, means for us. Holds no token and no credentials.
package enum ConsulError: Error, Equatable {
  /// 400: our own mistake (unknown JSON field, missing name); not to be repeated.
  case badRequest(String)
  /// 403: the token is unknown or may not; its file, if it has one, is read anew for the next try.
  case forbidden(String)
  /// 404 where it is no plain answer.
  case notFound
  /// 500 `No cluster leader`, or an answer that says so in its head: the last good answer holds.
  case noLeader
  /// 500 `… does not have associated TTL`: what Consul 1.8 answers to the heartbeat of a check that
  /// is gone. Newer agents answer 404, which is `notFound`. Our checks are HTTP ones, which send no
  /// heartbeats: that one is gone is seen in the agent's list of checks (`RegistrationVerdict`).
  case checkLost
  /// 429 or another 5xx.
  case unavailable(status: Int)
  /// No answer: refused, reset, timed out, or whatever else kept the HTTP client from having one.
  case unreachable(String)
  /// An answer that is not what the API promises.
  case badAnswer(String)

  /// Whether the same request may succeed later without any change on our side.
  package var isTemporary: Bool {
    switch self {
    case .badRequest: false
    case .forbidden, .notFound, .noLeader, .checkLost, .unavailable, .unreachable, .badAnswer: true
    }
  }

  /// For metrics: a word of a fixed set.
  package var category: String {
    switch self {
    case .badRequest: "bad-request"
    case .forbidden: "forbidden"
    case .notFound: "not-found"
    case .noLeader: "no-leader"
    case .checkLost: "check-lost"
    case .unavailable: "unavailable"
    case .unreachable: "unreachable"
    case .badAnswer: "bad-answer"
    }
  }

  /// - Returns: nil for 2xx.
  init?(status: Int, body: [UInt8]) {
    // The agent's texts are short; what is longer is some proxy's page.
    let text = String(decoding: body.prefix(300), as: UTF8.self)
    switch status {
    case 200..<300: return nil
    case 400: self = .badRequest(text)
    case 403: self = .forbidden(text)
    case 404: self = .notFound
    case 500 where text.contains("No cluster leader"): self = .noLeader
    case 500 where text.contains("does not have associated TTL"): self = .checkLost
    case 429, 500...599: self = .unavailable(status: status)
    default: self = .badAnswer("status \(status)")
    }
  }
}
