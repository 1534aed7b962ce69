import CoreHTTP
import EventLoops
import HTTPMessages
package import Logging
import Resilience
package import SharedKernel
import Synchronization

/// What surrounds every handler: request id, trace, deadline, load limit, authentication, compression,
/// and the one place where errors become answers.
package final class RequestKit: Sendable {
  /// Requests that may be under way at once; further ones are turned away with 503.
  package static let requestsMax = 256
  /// Waiting requests (`Prefer: wait`, long polls) that may be under way besides.
  package static let waitingMax = 1000
  /// The longest that a caller may ask a request to run.
  private static let timeoutMax: Duration = .seconds(30)

  /// Turns a bearer token into a caller, or throws an unauthenticated `Failure`.
  package typealias Authenticate = @Sendable (_ token: String) async throws -> Caller

  let storage: RequestStorage
  let proxies: TrustedProxies
  private let rates: RequestRates?
  private let authenticate: Authenticate
  private let faults: FaultPoints?
  private let logger: Logger
  private let working = Atomic<Int>(0)
  private let waiting = Atomic<Int>(0)
  private let shed = Atomic<Int>(0)
  private let expired = Atomic<Int>(0)
  private let compression = AnswerCompression()

  /// - Parameter rates: nil lets every client make as many requests as it likes.
  package init(
    storage: RequestStorage, authenticate: @escaping Authenticate, rates: RequestRates? = nil,
    proxies: TrustedProxies = TrustedProxies(), faults: FaultPoints? = nil, logger: Logger
  ) {
    self.storage = storage
    self.rates = rates
    self.proxies = proxies
    self.authenticate = authenticate
    self.faults = faults
    self.logger = logger
  }

  /// Requests under way now.
  package var load: (working: Int, waiting: Int) {
    (working.load(ordering: .relaxed), waiting.load(ordering: .relaxed))
  }

  /// Requests turned away since the start.
  package var requestsShed: Int { shed.load(ordering: .relaxed) }

  /// Requests since the start whose caller's time was over before they were answered, as far as that was
  /// seen here: of one that waits for a peer, the call may see it first.
  package var deadlinesExceeded: Int { expired.load(ordering: .relaxed) }

  nonisolated(nonsending) func answer(
    _ request: HTTPRequest, _ parameters: PathParameters, _ rule: RouteRule,
    _ handle: @escaping Routes.Handler
  ) async -> HTTPResponse {
    guard let faults, rule.load != .exempt, !rule.pattern.hasPrefix(FaultRoutes.path) else {
      return await answerWell(request, parameters, rule, handle)
    }
    let trace = FaultTrace()
    return await FaultTrace.$current.withValue(trace) {
      let facts = { FaultPoints.Facts(path: request.path, fields: request.fields) }
      func suffer(_ response: HTTPResponse, _ action: FaultAction?) -> HTTPResponse {
        guard let action else { return response }
        return response.suffering(
          action, instance: request.path, requestID: Self.requestID(of: request))
      }
      var response: HTTPResponse
      if let action = await faults.reach("http.request", facts) {
        response = suffer(HTTPResponse(.ok), action)
      } else {
        response = await answerWell(request, parameters, rule, handle)
        response = suffer(response, await faults.reach("http.response", facts))
      }
      if let fired = trace.text { response.fields["X-Fault-Trace"] = fired }
      return response
    }
  }

  private nonisolated(nonsending) func answerWell(
    _ request: HTTPRequest, _ parameters: PathParameters, _ rule: RouteRule,
    _ handle: @escaping Routes.Handler
  ) async -> HTTPResponse {
    let requestID = Self.requestID(of: request)
    let trace =
      request.fields[.traceparent].flatMap(TraceContext.init(traceparent:))?.child() ?? .root()
    let callersTime = Self.callersTime(of: request)
    let scope = RequestScope(requestID: requestID, trace: trace)
    let madeKey = Self.madeKey(for: request, rule)
    var allowance: RequestRates.Allowance?
    var response: HTTPResponse
    do {
      if let callersTime, callersTime <= .zero {
        throw Problem(.deadlineExceeded, "The caller's time was spent before work began.")
      }
      let load = try enter(request, rule)
      defer { leave(load) }
      let deadline = Deadline(after: callersTime ?? Self.timeoutMax, from: MonotonicClock().now)
      response = try await RequestScope.$current.withValue(scope) {
        try await Deadline.$current.withValue(deadline) {
          // No function of its own: to come back from an await costs more than it does here.
          let token = try bearerToken(of: request, rule)
          let caller = if let token { try await authenticate(token) } else { Caller.anonymous }
          try rule.access.admit(caller)
          allowance = self.allowance(of: caller, request, rule)
          if let wait = allowance?.wait {
            throw Problem(.rateLimited, "Too many requests came from you.", retryAfter: wait)
          }
          let call = Call(
            request: request, parameters: parameters, pattern: rule.pattern, caller: caller,
            requestID: requestID, idempotencyKey: try madeKey ?? Self.key(of: request, rule),
            kit: self)
          guard callersTime != nil else { return try await handle(call) }
          return try await within(deadline) { try await handle(call) }
        }
      }
    } catch {
      response = problem(for: error, request, requestID)
    }
    response.fields[.requestID] = requestID
    allowance?.tell(in: &response.fields)
    // Whatever became of it, a client that sent no key repeats its request safely with this one.
    if let madeKey { response.fields[.idempotencyKey] = madeKey }
    if response.fields[.cacheControl] == nil { response.fields[.cacheControl] = "no-store" }
    if AnswerCompression.concerns(response) {
      await compression.apply(to: &response, for: request)
    }
    if let body = response.stream {
      // Made when this function has returned. It belongs to the request, but not to its deadline: a
      // stream lives as long as its client takes it.
      response.stream = HTTPBodyStream(isEndless: body.isEndless) { writer in
        try await RequestScope.$current.withValue(scope) { try await body.produce(writer) }
      }
    }
    return response
  }

  // MARK: Who, how often, how long

  /// What says who asks; nil where nothing does, or it is not looked at.
  private func bearerToken(of request: HTTPRequest, _ rule: RouteRule) throws(Problem) -> String? {
    if case .anyone = rule.access { return nil }
    guard let field = request.fields[.authorization] else { return nil }
    let parts = field.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else {
      throw Problem(.unauthenticated, "Only bearer tokens are taken.")
    }
    return parts[1].trimmed
  }

  /// Takes one of the client's tokens: of a user's wherever they come from, else of an address's.
  ///
  /// - Returns: nil where nothing is limited: services' calls, health and metrics.
  private func allowance(
    of caller: Caller, _ request: HTTPRequest, _ rule: RouteRule
  ) -> RequestRates.Allowance? {
    guard let rates, rule.load != .exempt else { return nil }
    switch caller {
    case .service: return nil
    case .user: return rates.take(for: caller.principal)
    case .anonymous:
      return rates.take(for: proxies.client(of: request)?.description ?? "an unknown address")
    }
  }

  /// - Returns: as what the request is counted while it is under way.
  private func enter(_ request: HTTPRequest, _ rule: RouteRule) throws(Problem) -> LoadRule {
    var load = rule.load
    if load == .waitingIfAsked {
      load = request.fields[.prefer]?.contains("wait") == true ? .waiting : .working
    }
    let hasRoom =
      switch load {
      case .exempt: true
      case .waiting: waiting.add(1, ordering: .relaxed).newValue <= Self.waitingMax
      case .working, .waitingIfAsked:
        working.add(1, ordering: .relaxed).newValue <= Self.requestsMax
      }
    guard hasRoom else {
      leave(load)
      shed.add(1, ordering: .relaxed)
      throw Problem(
        .dependencyUnavailable, "Too many requests are under way here.", retryAfter: .seconds(1))
    }
    return load
  }

  private func leave(_ load: LoadRule) {
    switch load {
    case .exempt: break
    case .waiting: waiting.subtract(1, ordering: .relaxed)
    case .working, .waitingIfAsked: working.subtract(1, ordering: .relaxed)
    }
  }

  private static let envoyTimeout: HTTPFieldName = "x-envoy-expected-rq-timeout-ms"

  /// What is left of the caller's own deadline, if it says so.
  private static func callersTime(of request: HTTPRequest) -> Duration? {
    let field =
      request.fields[.requestTimeout] ?? request.fields[envoyTimeout]
    guard let field, let milliseconds = Int64(field.trimmed) else { return nil }
    return min(.milliseconds(milliseconds), timeoutMax)
  }

  /// Runs `work`, and cancels it when the caller's time is over: nobody waits for its answer. Some
  /// of that time may have gone into finding out who the caller is.
  ///
  /// - Throws: `Problem` deadlineExceeded.
  private func within(
    _ deadline: Deadline, _ work: @escaping @Sendable () async throws -> HTTPResponse
  ) async throws -> HTTPResponse {
    let time = deadline.remaining(at: MonotonicClock().now)
    guard time > .zero else { throw Problem(.deadlineExceeded, "The caller's time is over.") }
    return try await withThrowingTaskGroup(of: HTTPResponse.self) { group in
      group.addTask(operation: work)
      group.addTask {
        if let loop = EventLoop.current {
          try await loop.sleep(for: time)
        } else {
          try await Task.sleep(for: time)  // a test without loops
        }
        throw Problem(.deadlineExceeded, "The caller's time is over.")
      }
      defer { group.cancelAll() }
      guard let response = try await group.next() else {
        preconditionFailure("a group of two has a first")
      }
      return response
    }
  }

  static func requestID(of request: HTTPRequest) -> String {
    if let given = request.fields[.requestID], (8...64).contains(given.utf8.count),
      given.utf8.allSatisfy({ HTTPToken.isAlphanumeric($0) || $0 == UInt8(ascii: "-") })
    {
      return given
    }
    return UUID128.v7().description
  }

  /// A key for a client that sent none, where one may be left out.
  private static func madeKey(for request: HTTPRequest, _ rule: RouteRule) -> String? {
    guard case .optional = rule.key, !request.fields.contains(.idempotencyKey) else { return nil }
    return UUID128.v7().description
  }

  /// The client's key; nil where a route takes none.
  private static func key(of request: HTTPRequest, _ rule: RouteRule) throws(Problem) -> String? {
    if case .none = rule.key { return nil }
    guard let given = request.fields[.idempotencyKey] else {
      throw Problem(.idempotencyKeyRequired, "Send an Idempotency-Key with this request.")
    }
    guard (16...128).contains(given.utf8.count),
      given.utf8.allSatisfy({
        HTTPToken.isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
      })
    else {
      throw Problem(
        .malformedRequest, "Idempotency-Key must be 16 to 128 characters of [A-Za-z0-9_-].")
    }
    return given
  }

  // MARK: Errors

  /// The only place where an error becomes an answer.
  private func problem(
    for error: any Error, _ request: HTTPRequest, _ requestID: String
  ) -> HTTPResponse {
    if let problem = error as? Problem, problem.kind == .deadlineExceeded {
      expired.add(1, ordering: .relaxed)
    }
    if let failure = error as? any Failure {
      if failure.kind.problem.status.code >= 500 {
        log(.warning, "\(failure.kind.rawValue): \(failure.detail)", error, requestID)
      }
      var response = HTTPResponse.problem(
        failure, instance: request.path, requestID: requestID)
      // Only the hop next to the fault repeats: three attempts on each of three hops would be 27.
      if let failure = error as? UpstreamFailure, failure.retriesAreSpent {
        response.fields[.retryPushback] = "-1"
      }
      return response
    }
    let failure = unforeseen(error)
    log(
      failure.kind == .internal ? .error : .warning, "request failed", error, requestID)
    return .problem(failure, instance: request.path, requestID: requestID)
  }

  private func log(
    _ level: Logger.Level, _ message: String, _ error: any Error, _ requestID: String
  ) {
    logger.log(
      level: level, "\(message)",
      metadata: ["error": "\(error)", "requestId": "\(requestID)"])
  }

  /// Refusals of the router itself: no such path, not with this method.
  func refusal(_ status: HTTPStatus, _ request: HTTPRequest) -> HTTPResponse {
    let requestID = Self.requestID(of: request)
    let problem =
      status == .methodNotAllowed
      ? Problem(.methodNotAllowed, "This path does not take \(request.method.rawValue).")
      : Problem(.notFound, "There is nothing at this path.")
    var response = HTTPResponse.problem(problem, instance: request.path, requestID: requestID)
    response.status = status
    response.fields[.requestID] = requestID
    response.fields[.cacheControl] = "no-store"
    return response
  }
}
