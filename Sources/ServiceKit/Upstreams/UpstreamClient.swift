import HTTPClient
import HTTPMessages
import Resilience
import SharedKernel
import Synchronization

/// Calls one peer: discovery's endpoints, balanced, under the policies of `Preset.http`, with a
/// service token, the trace and the time that is left.
final class UpstreamClient: Upstream {
  /// What an attempt keeps of its time for the way back, so that the peer gives up first.
  private static let hopReserve: Duration = .milliseconds(5)

  let name: String
  let balancer: Balancer
  private let client: CurlClient
  private let signer: ServiceTokenSigner?
  private let endpoints: PeerEndpoints
  let pipeline: ResiliencePipeline
  let pollPipeline: ResiliencePipeline
  private let faults: FaultPoints?
  private let deadlinesExceeded = Mutex<[DeadlineExceeded.Place: Int]>([:])

  init(
    name: String, client: CurlClient, signer: ServiceTokenSigner?, endpoints: PeerEndpoints,
    registry: ResilienceRegistry, pollRegistry: ResilienceRegistry, faults: FaultPoints? = nil
  ) {
    self.name = name
    self.faults = faults
    self.client = client
    self.signer = signer
    self.endpoints = endpoints
    balancer = endpoints.balancer
    // The total is each call's own (`CallOptions.totalTimeout`).
    var preset = Preset.http
    preset.totalDeadline = nil
    pipeline = registry.pipeline(name, preset: preset)
    preset.bulkhead = nil
    preset.circuitBreaker = .longPoll
    pollPipeline = pollRegistry.pipeline(name, preset: preset)
  }

  /// Calls whose time was used up since the start, by where it ran out.
  var deadlineCounts: [DeadlineExceeded.Place: Int] { deadlinesExceeded.withLock { $0 } }

  func send(_ request: HTTPRequest, options: CallOptions) async throws -> HTTPResponse {
    let now = MonotonicClock().now
    let context = CallContext(
      upstream: name, operation: request.method.rawValue,
      idempotency: options.idempotency ?? request.method.idempotency,
      deadline: Deadline(after: options.totalTimeout, from: now),
      attemptTimeout: options.attemptTimeout)
    // Before the first attempt, so that it is time of the call's and of no attempt's.
    try await endpoints.waitForInstance(
      atMost: Deadline.current.map { min($0.remaining(at: now), options.totalTimeout) }
        ?? options.totalTimeout)
    var course = Course()
    do {
      var response = try await (options.isLongPoll ? pollPipeline : pipeline).execute(
        context,
        classify: { [balancer] result in
          Self.outcome(of: result, course, hasOther: balancer.hasOther(than: course.tried))
        }
      ) { context in
        try await self.attempt(request, context, options, &course)
      }
      if course.timeRanOut(for: response) { count(.client) }
      if response.status.code >= 500, course.tried.count > 1 {
        response.fields[.retryPushback] = "-1"
      }
      return response
    } catch {
      throw try failure(for: error, course)
    }
  }

  /// How a call's attempts have gone so far.
  private struct Course {
    var tried: [EndpointKey] = []
    /// The last one's endpoint was ejected while it was on its way.
    var isOfEjected = false
    /// The last one had clearly less time than an attempt gets: what was left of the deadline.
    var isCutShort = false
    /// The last one took all of its time, or nearly.
    var isSpent = false

    /// Told how little time there is, the peer gives up a moment before we do: that says something of the
    /// deadline, and nothing of the peer.
    func timeRanOut(for response: HTTPResponse) -> Bool {
      response.status.code == 504 && isCutShort && isSpent
    }
  }

  private func count(_ place: DeadlineExceeded.Place) {
    deadlinesExceeded.withLock { $0[place, default: 0] += 1 }
  }

  private nonisolated(nonsending) func attempt(
    _ request: HTTPRequest, _ context: CallContext, _ options: CallOptions, _ course: inout Course
  ) async throws -> HTTPResponse {
    course.isOfEjected = false
    if let timeout = context.attemptTimeout {
      guard timeout >= Self.hopReserve + .milliseconds(1) else {
        throw DeadlineExceeded(place: .client)
      }
    }
    guard let selection = balancer.select(avoiding: course.tried) else {
      throw NoEndpoints(name: name)
    }
    course.tried.append(selection.endpoint)
    // By a fifth, as what is slow: an attempt that had most of its time says something of the peer.
    course.isCutShort =
      !options.isLongPoll
      && context.attemptTimeout.map { $0 * 5 < options.attemptTimeout * 4 } ?? false
    let prepared = try await prepare(request, context, to: selection.endpoint)
    let began = MonotonicClock().now
    let result: Result<HTTPResponse, any Error>
    do {
      result = .success(try await exchange(prepared))
    } catch {
      result = .failure(error)
    }
    course.isSpent =
      MonotonicClock().now - began >= (context.attemptTimeout ?? .zero) - Self.hopReserve * 4
    if !Task.isCancelled {
      course.isOfEjected = selection.finish(
        Self.outcome(of: result, course, hasOther: false), attemptTimeout: context.attemptTimeout,
        isLongPoll: options.isLongPoll)
    }
    return try result.get()
  }

  /// One request on its way and back, with what a drill does to it.
  private nonisolated(nonsending) func exchange(
    _ request: HTTPRequest
  ) async throws -> HTTPResponse {
    guard let faults else { return try await client.handle(request) }
    let peer = name.hasSuffix("-service") ? String(name.dropLast("-service".count)) : name
    let facts = { FaultPoints.Facts(path: request.path, fields: request.fields) }
    switch await faults.reach("client.\(peer).before", facts) {
    case nil, .delay, .kill: break
    case .status(let code): return HTTPResponse(HTTPStatus(code))
    case .drop, .truncate: throw HTTPClientError.notSent(.other("a drill cut the connection"))
    }
    let response = try await client.handle(request)
    switch await faults.reach("client.\(peer).after", facts) {
    case nil, .delay, .kill: return response
    case .status(let code): return HTTPResponse(HTTPStatus(code))
    case .drop, .truncate: throw HTTPClientError.maybeProcessed("a drill lost the answer")
    }
  }

  private nonisolated(nonsending) func prepare(
    _ request: HTTPRequest, _ context: CallContext, to endpoint: EndpointKey
  ) async throws -> HTTPRequest {
    var prepared = request
    prepared.authority = endpoint.authority
    prepared.timeout = context.attemptTimeout
    // libcurl repeats a request by itself when a reused connection dies.
    prepared.sendsOnFreshConnection = context.idempotency == .unsafe
    if let timeout = context.attemptTimeout {
      let (seconds, attoseconds) = (timeout - Self.hopReserve).components
      prepared.fields[.requestTimeout] = String(
        seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }
    if context.attempt > 1 { prepared.fields["X-Request-Attempt"] = String(context.attempt) }
    if let scope = RequestScope.current {
      prepared.fields[.requestID] = scope.requestID
      prepared.fields[.traceparent] = scope.trace.child().traceparent
    }
    if let signer {
      let cached = signer.cachedToken(for: name)
      let token: String
      if let cached { token = cached } else { token = try await signer.token(for: name) }
      prepared.fields[.authorization] = "Bearer \(token)"
    }
    return prepared
  }

  // MARK: What an answer means

  private static func outcome(
    of result: Result<HTTPResponse, any Error>, _ course: Course, hasOther: Bool
  ) -> Outcome {
    switch result {
    case .success(let response) where course.timeRanOut(for: response):
      .failure(.deadlinePassed)
    case .failure(HTTPClientError.timedOut) where course.isCutShort: .failure(.deadlinePassed)
    case .success(let response): outcome(of: response, hasOther: hasOther)
    case .failure(let error as HTTPClientError):
      outcome(
        of: error,
        ServerAdvice(hasOtherEndpoint: hasOther, isOfEjectedEndpoint: course.isOfEjected))
    case .failure(let error): Outcome.of(error)
    }
  }

  private static func outcome(of response: HTTPResponse, hasOther: Bool) -> Outcome {
    guard response.status.code >= 400 else { return .success }
    let advice = ServerAdvice(
      retryAfter: response.fields[.retryAfter].flatMap {
        RetryAfter.parse($0, now: Timestamp.now().seconds)
      },
      pushback: response.fields[.retryPushback].map(Pushback.init(header:)),
      hasOtherEndpoint: hasOther)
    return switch response.status.code {
    case 408, 502, 504: .failure(.gatewayFailure, advice: advice)
    case 425: .failure(.tooEarly, advice: advice)
    case 429: .failure(.throttled, advice: advice)
    case 503: .failure(.unavailable, advice: advice)
    case 501, 505: .failure(.unsupported, advice: advice)
    case 500...599: .failure(.serverError, advice: advice)
    default: .success
    }
  }

  private static func outcome(of error: HTTPClientError, _ advice: ServerAdvice) -> Outcome {
    switch error {
    case .notSent(.tooManyTransfers): .ignored
    case .notSent(.connectionRefused): .failure(.connectionRefused, advice: advice)
    case .notSent, .timedOut(sent: false): .failure(.requestNotSent, advice: advice)
    case .timedOut(sent: true): .failure(.attemptTimedOut, advice: advice)
    case .maybeProcessed: .failure(.maybeProcessed, advice: advice)
    case .answerTooLarge: .failure(.unsupported)
    case .untrusted: .failure(.untrusted)
    case .badRequest: .ignored
    }
  }

  /// The error for the caller. Cancellation stays what it is.
  private func failure(for error: any Error, _ course: Course) throws -> UpstreamFailure {
    if let place = Self.whereTimeEnded(error, course) { count(place) }
    let reason: UpstreamFailure.Reason
    var retryAfter: Duration? = .seconds(1)
    switch error {
    case is CancellationError: throw error
    case let error as CallNotPermitted:
      reason = .circuitOpen
      retryAfter = error.retryAfter ?? retryAfter
    case is DeadlineExceeded, HTTPClientError.timedOut:
      reason = .deadlineExceeded
      retryAfter = nil
    default: reason = .unavailable
    }
    return UpstreamFailure(
      target: name, reason: reason, cause: "\(error)", retryAfter: retryAfter,
      retriesAreSpent: course.tried.count > 1)
  }

  /// nil unless it was the call's deadline that ended it: an attempt's own timeout is another matter.
  private static func whereTimeEnded(
    _ error: any Error, _ course: Course
  ) -> DeadlineExceeded.Place? {
    switch error {
    case let error as DeadlineExceeded: error.place
    case HTTPClientError.timedOut where course.isCutShort: .client
    default: nil
    }
  }
}

/// Discovery knows no instance of a peer.
struct NoEndpoints: LocalRejection {
  let name: String
  var retryAfter: Duration? { .seconds(1) }
}

extension CircuitBreakerConfig {
  /// As `.http`, but a poll that takes its time is not slow, and one good poll closes the circuit:
  /// a reader polls one after the other, and each may be held for longer than a trial of calls lasts.
  static var longPoll: Self {
    var settings = Self.http.settings
    settings.slowCall = .never
    settings.halfOpenPermits = 1
    settings.halfOpenWaitMax = nil  // the permit's lease ends a trial whose poll is lost
    do {
      return try Checked(settings)
    } catch {
      preconditionFailure("the preset is valid, and so are these changes of it: \(error)")
    }
  }
}

extension HTTPMethod {
  fileprivate var idempotency: Idempotency {
    switch self {
    case .get, .head, .options, .trace: .safe
    case .put, .delete: .idempotent
    case .post, .patch, .connect: .unsafe
    }
  }
}
