import CoreHTTP
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
  private let authenticate: Authenticate
  private let logger: Logger
  private let working = Atomic<Int>(0)
  private let waiting = Atomic<Int>(0)
  private let shed = Atomic<Int>(0)
  private let compression = AnswerCompression()

  package init(
    storage: RequestStorage, authenticate: @escaping Authenticate, logger: Logger
  ) {
    self.storage = storage
    self.authenticate = authenticate
    self.logger = logger
  }

  /// Requests under way now.
  package var load: (working: Int, waiting: Int) {
    (working.load(ordering: .relaxed), waiting.load(ordering: .relaxed))
  }

  /// Requests turned away since the start.
  package var requestsShed: Int { shed.load(ordering: .relaxed) }

  func answer(
    _ request: HTTPRequest, _ parameters: PathParameters, _ rule: RouteRule,
    _ handle: Routes.Handler
  ) async -> HTTPResponse {
    let requestID = Self.requestID(of: request)
    let trace =
      request.fields[.traceparent].flatMap(TraceContext.init(traceparent:))?.child() ?? .root()
    let timeout = Self.timeout(of: request)
    let scope = RequestScope(requestID: requestID, trace: trace)
    var response: HTTPResponse
    do {
      guard timeout > .zero else {
        throw Problem(.deadlineExceeded, "The caller's time was spent before work began.")
      }
      let load = try enter(request, rule)
      defer { leave(load) }
      let deadline = Deadline(after: timeout, from: MonotonicClock().now)
      response = try await RequestScope.$current.withValue(scope) {
        try await Deadline.$current.withValue(deadline) {
          try await run(request, parameters, rule, requestID, handle)
        }
      }
    } catch {
      response = problem(for: error, request, requestID)
    }
    response.fields[.requestID] = requestID
    if response.fields[.cacheControl] == nil { response.fields[.cacheControl] = "no-store" }
    await compression.apply(to: &response, for: request)
    if let body = response.stream {
      // Made when this function has returned. It belongs to the request, but not to its deadline: a
      // stream lives as long as its client takes it.
      response.stream = HTTPBodyStream(isEndless: body.isEndless) { writer in
        try await RequestScope.$current.withValue(scope) { try await body.produce(writer) }
      }
    }
    return response
  }

  private func run(
    _ request: HTTPRequest, _ parameters: PathParameters, _ rule: RouteRule, _ requestID: String,
    _ handle: Routes.Handler
  ) async throws -> HTTPResponse {
    let caller = try await caller(of: request, rule)
    let (key, isMade) = try Self.idempotencyKey(of: request, rule)
    let call = Call(
      request: request, parameters: parameters, pattern: rule.pattern, caller: caller,
      requestID: requestID, idempotencyKey: key, kit: self)
    let response = try await handle(call)
    // A client that sent no key can still repeat its request safely with the one made for it.
    return isMade && key != nil ? response.adding(.idempotencyKey, key ?? "") : response
  }

  // MARK: Who, how often, how long

  private func caller(of request: HTTPRequest, _ rule: RouteRule) async throws -> Caller {
    if case .anyone = rule.access { return .anonymous }
    guard let field = request.fields[.authorization] else {
      try rule.access.admit(.anonymous)
      return .anonymous
    }
    let parts = field.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else {
      throw Problem(.unauthenticated, "Only bearer tokens are taken.")
    }
    let caller = try await authenticate(parts[1].trimmed)
    try rule.access.admit(caller)
    return caller
  }

  /// As what a request is counted while it is under way.
  private enum Load {
    /// Health, metrics: never turned away.
    case none
    case working
    /// It costs little more than its connection.
    case waiting
  }

  private func enter(_ request: HTTPRequest, _ rule: RouteRule) throws(Problem) -> Load {
    if case .anyone = rule.access { return .none }
    let waits =
      rule.pattern == "/internal/events" || request.fields[.prefer]?.contains("wait") == true
    let load = waits ? Load.waiting : .working
    let hasRoom =
      waits
      ? waiting.add(1, ordering: .relaxed).newValue <= Self.waitingMax
      : working.add(1, ordering: .relaxed).newValue <= Self.requestsMax
    guard hasRoom else {
      leave(load)
      shed.add(1, ordering: .relaxed)
      throw Problem(
        .dependencyUnavailable, "Too many requests are under way here.", retryAfter: .seconds(1))
    }
    return load
  }

  private func leave(_ load: Load) {
    switch load {
    case .none: break
    case .working: working.subtract(1, ordering: .relaxed)
    case .waiting: waiting.subtract(1, ordering: .relaxed)
    }
  }

  private static func timeout(of request: HTTPRequest) -> Duration {
    let field =
      request.fields[.requestTimeout] ?? request.fields["x-envoy-expected-rq-timeout-ms"]
    guard let field, let milliseconds = Int64(field.trimmed) else { return timeoutMax }
    return min(.milliseconds(milliseconds), timeoutMax)
  }

  static func requestID(of request: HTTPRequest) -> String {
    if let given = request.fields[.requestID], (8...64).contains(given.utf8.count),
      given.utf8.allSatisfy({ HTTPToken.isAlphanumeric($0) || $0 == UInt8(ascii: "-") })
    {
      return given
    }
    return UUID128.v7().description
  }

  private static func idempotencyKey(
    of request: HTTPRequest, _ rule: RouteRule
  ) throws(Problem) -> (key: String?, isMade: Bool) {
    if case .none = rule.key { return (nil, false) }
    if let given = request.fields[.idempotencyKey] {
      guard (16...128).contains(given.utf8.count),
        given.utf8.allSatisfy({
          HTTPToken.isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
        })
      else {
        throw Problem(
          .malformedRequest, "Idempotency-Key must be 16 to 128 characters of [A-Za-z0-9_-].")
      }
      return (given, false)
    }
    if case .required = rule.key {
      throw Problem(.idempotencyKeyRequired, "Send an Idempotency-Key with this request.")
    }
    return (UUID128.v7().description, true)
  }

  // MARK: Errors

  /// The only place where an error becomes an answer.
  private func problem(
    for error: any Error, _ request: HTTPRequest, _ requestID: String
  ) -> HTTPResponse {
    if let failure = error as? any Failure {
      if failure.kind.problem.status.code >= 500 {
        log(.warning, "\(failure.kind.rawValue): \(failure.detail)", error, requestID)
      }
      return .problem(failure, instance: request.path, requestID: requestID)
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
      switch status.code {
      case 404: Problem(.notFound, "There is nothing at this path.")
      case 405: Problem(.methodNotAllowed, "This path does not take \(request.method.rawValue).")
      case 413: Problem(.payloadTooLarge, "The body is larger than this path takes.")
      default: Problem(.malformedRequest, status.reason)
      }
    var response = HTTPResponse.problem(problem, instance: request.path, requestID: requestID)
    response.status = status
    response.fields[.requestID] = requestID
    response.fields[.cacheControl] = "no-store"
    return response
  }
}

extension HTTPToken {
  static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }
}
