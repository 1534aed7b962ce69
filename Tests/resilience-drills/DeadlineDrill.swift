import EventLoops
import HTTPClient
import HTTPMessages

/// A caller that gives 300 ms, over two hops to a peer that takes five seconds, and then to one that
/// is stopped and does not even give up.
struct DeadlineDrill: Drill {
  static let name = "deadline"
  static let lastHop = "drill-last"
  private static let limit: Duration = .milliseconds(300)
  /// The last hop gives up 5 ms before the first, so that its answer arrives in time.
  private static let answeredMin: Duration = .milliseconds(290)
  private static let answeredMax: Duration = .milliseconds(400)

  func run(on ground: Ground) async throws -> [Finding] {
    let last = try await ground.peers(1)[0]
    try await ground.agent.register(Self.lastHop, port: last.port)
    try await last.set(.slow)
    try await ground.loop.sleep(for: .milliseconds(500))
    let slow = try await answers(on: ground)
    let hurried = try await answers(on: ground, patience: Self.limit)
    try await ground.loop.sleep(for: .milliseconds(500))
    let tally = try await last.tally()
    last.stop()
    let stopped = try await answers(on: ground)
    last.goOn()
    try await ground.agent.deregister(Self.lastHop, port: last.port)
    let latest = tally.cancelledAfterMilliseconds.max() ?? 0
    return [
      finding(
        "answers", slow.told, bound: "all 504", slow.count(of: 504) == ground.rounds),
      finding(
        "answered after", slow.timesText, bound: "290 to 400 ms",
        slow.times.shortest >= Self.answeredMin && slow.times.longest <= Self.answeredMax),
      finding(
        "answers to callers that hang up after 300 ms", hurried.told, bound: "504 for most",
        hurried.count(of: 504) * 2 > ground.rounds),
      finding(
        "the last hop stopped", "\(tally.cancelled) of \(tally.begun), latest after \(latest) ms",
        bound: "all, within 400 ms",
        tally.cancelled == tally.begun && tally.begun > 0 && latest <= 400),
      finding(
        "answers, the last hop frozen", stopped.told, bound: "all 504",
        stopped.count(of: 504) == ground.rounds),
      finding(
        "answered after, the last hop frozen", stopped.timesText, bound: "300 to 400 ms",
        stopped.times.shortest >= Self.limit && stopped.times.longest <= Self.answeredMax),
    ]
  }

  /// What callers were told, and after which time.
  private struct Answers {
    var times = Series()
    /// nil for those who had hung up.
    var statuses: [Int?] = []

    func count(of status: Int?) -> Int { statuses.count { $0 == status } }

    var told: String {
      Set(statuses).sorted { $0 ?? 0 < $1 ?? 0 }
        .map { "\(count(of: $0)) x \($0.map(String.init) ?? "none in time")" }
        .joined(separator: ", ")
    }

    var timesText: String { "least \(milliseconds(times.shortest)), " + times.text }
  }

  /// - Parameter patience: after which the caller itself hangs up.
  private func answers(
    on ground: Ground, patience: Duration = .seconds(15)
  ) async throws -> Answers {
    var answers = Answers()
    let relay = try await ground.peers(1)[0]
    for _ in 0..<ground.rounds {
      let began = MonotonicTime.now()
      do {
        let answer = try await ground.shop.loopback.send(
          .get, relay.port, "/relay?to=\(Self.lastHop)", timeout: patience,
          fields: [(.requestTimeout, "\(Int(Self.limit / .milliseconds(1)))")])
        answers.statuses.append(answer.status.code)
      } catch HTTPClientError.timedOut {
        answers.statuses.append(nil)
      }
      answers.times.add(MonotonicTime.now() - began)
    }
    return answers
  }
}
