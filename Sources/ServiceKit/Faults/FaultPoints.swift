import EventLoops
import Glibc
import HTTPMessages
package import Logging
import SharedKernel
import Synchronization

/// The named points of one process at which a drill can make something go wrong. There are none unless
/// `FAULTS_ENABLED` is on, which production refuses.
///
/// Rules are kept in memory and counted one by one: a process that was killed has forgotten them.
package final class FaultPoints: Sendable {
  /// What is known where a point is passed.
  struct Facts {
    var path: String?
    var fields: HTTPFields?
  }

  /// A rule as it is told.
  struct View: Encodable, Sendable {
    let id: Int
    let point: String
    let match: FaultRule.Match
    let action: String
    let nth: [Int]?
    let every: Int?
    let seed: UInt64?
    let times: Int?
    /// Passes that matched.
    let met: Int
    let fired: Int
  }

  private struct Armed {
    let id: Int
    let rule: FaultRule
    var counter: FaultCounter
  }

  private struct Rules {
    var armed: [Armed] = []
    var idNext = 1
  }

  static let rulesMax = 100

  /// All that there are in this process.
  package let names: [String]
  private let rules = Mutex(Rules())
  private let isArmed = Atomic<Bool>(false)
  private let logger: Logger

  /// - Parameters:
  ///   - peers: the short names of the services that this one may call.
  ///   - further: points of the slice's own.
  package init(peers: [String], further: [String], logger: Logger) {
    names =
      ["http.request", "http.response"]
      + peers.flatMap { ["client.\($0).before", "client.\($0).after"] }
      + ["tx.before_commit", "tx.after_commit"] + further
    self.logger = logger
  }

  // MARK: Rules

  /// - Throws: `ValidationFailure` for a point that is not there and for bad numbers; `Problem` 409 when
  ///   there are too many.
  func add(_ rule: FaultRule) throws -> View {
    try rule.check(points: names)
    return try rules.withLock { rules in
      guard rules.armed.count < Self.rulesMax else {
        throw Problem(.resourceInUse, "There are \(Self.rulesMax) rules already.")
      }
      let armed = Armed(id: rules.idNext, rule: rule, counter: FaultCounter(rule))
      rules.idNext += 1
      rules.armed.append(armed)
      isArmed.store(true, ordering: .releasing)
      return Self.view(armed)
    }
  }

  /// - Throws: `NotFound`
  func remove(_ id: Int) throws {
    try rules.withLock { rules in
      guard let index = rules.armed.firstIndex(where: { $0.id == id }) else {
        throw NotFound("fault")
      }
      rules.armed.remove(at: index)
      isArmed.store(!rules.armed.isEmpty, ordering: .releasing)
    }
  }

  var all: [View] { rules.withLock { $0.armed.map(Self.view) } }

  private static func view(_ armed: Armed) -> View {
    let rule = armed.rule
    return View(
      id: armed.id, point: rule.point, match: rule.match, action: rule.action.description,
      nth: rule.nth, every: rule.every, seed: rule.seed, times: rule.times, met: armed.counter.met,
      fired: armed.counter.fired)
  }

  // MARK: Passing

  /// Passes a point: waits, dies, or tells what else is to go wrong; nil if nothing is.
  nonisolated(nonsending) func reach(
    _ point: String, _ facts: () -> Facts = { Facts() }
  ) async -> FaultAction? {
    guard isArmed.load(ordering: .acquiring) else { return nil }
    let facts = facts()
    let fired = rules.withLock { rules -> FaultAction? in
      for index in rules.armed.indices where Self.matches(rules.armed[index].rule, point, facts) {
        let rule = rules.armed[index].rule
        if rules.armed[index].counter.meet(rule) { return rule.action }
      }
      return nil
    }
    guard let fired else { return nil }
    FaultTrace.current?.note("\(point)=\(fired)")
    logger.notice("a fault was asked for", metadata: ["point": "\(point)", "action": "\(fired)"])
    switch fired {
    case .kill:
      Glibc.kill(getpid(), SIGKILL)
      while true { pause() }
    case .delay(let time):
      // A caller that left ends the wait; what it makes of that is its own affair.
      if let loop = EventLoop.current {
        try? await loop.sleep(for: time)
      } else {
        try? await Task.sleep(for: time)
      }
      return nil
    case .status, .drop, .truncate:
      return fired
    }
  }

  /// Passes a point where no HTTP message is at hand.
  ///
  /// - Throws: `InjectedFault` for everything but a delay and a kill.
  package nonisolated(nonsending) func pass(_ point: String, kind: String? = nil) async throws {
    if let action = await reach(point, { Facts(path: kind) }) {
      throw InjectedFault(point: point, action: action)
    }
  }

  private static func matches(_ rule: FaultRule, _ point: String, _ facts: Facts) -> Bool {
    guard rule.point == point else { return false }
    if let path = rule.match.path, facts.path?.hasPrefix(path) != true { return false }
    if let key = rule.match.key, facts.fields?[.idempotencyKey] != key { return false }
    if let header = rule.match.header {
      let pair = header.split(separator: ":", maxSplits: 1)
      guard pair.count == 2, let name = HTTPFieldName(String(pair[0])),
        facts.fields?[name] == pair[1].trimmed
      else { return false }
    }
    return true
  }
}

/// What a drill asked for at a point that is no HTTP message.
package struct InjectedFault: Error {
  /// Where it was asked for: one of `FaultPoints.names`.
  package let point: String
  /// Never a delay or a kill: those have happened by then.
  package let action: FaultAction
}

/// The faults that fired during one request, for `X-Fault-Trace`.
final class FaultTrace: Sendable {
  @TaskLocal static var current: FaultTrace?

  private let lines = Mutex<[String]>([])

  func note(_ line: String) { lines.withLock { $0.append(line) } }

  /// nil when none fired.
  var text: String? {
    let lines = lines.withLock { $0 }
    return lines.isEmpty ? nil : lines.joined(separator: ", ")
  }
}

extension HTTPResponse {
  /// The answer of which no more than the first `bytes` leave before the connection breaks.
  func broken(after bytes: Int) -> HTTPResponse {
    let part = Array(body.prefix(bytes))
    var fields = fields
    fields[.contentLength] = nil
    return HTTPResponse(
      status, fields: fields,
      stream: HTTPBodyStream { writer in
        try await writer.write(part)
        throw CancellationError()
      })
  }

  /// What is left of this answer by a fault.
  func suffering(_ action: FaultAction, instance: String, requestID: String) -> HTTPResponse {
    switch action {
    case .status(let code):
      var answer = HTTPResponse.problem(
        Problem(.dependencyUnavailable, "A drill asked for this."), instance: instance,
        requestID: requestID)
      answer.status = HTTPStatus(code)
      return answer
    case .truncate: return broken(after: body.count / 2)
    case .drop: return broken(after: 0)
    case .delay, .kill: return self
    }
  }
}
