import CoreHTTP
import EventLoops
import HTTPMessages
import Synchronization

/// What a service has around each of its handlers, in the shape of ServiceKit's RequestKit: a request id and a
/// deadline, both in the task for whatever the handler calls, a limit to the load, and `Cache-Control`. What
/// depends on the service is left out: traces, authentication, compression.
final class Surroundings: Sendable {
  /// Requests that may be under way at once; further ones are turned away with 503.
  private static let requestsMax = 256
  /// The longest that a caller may ask a request to run.
  private static let timeoutMax: Duration = .seconds(30)

  /// The request that the present task answers.
  struct Scope {
    let requestID: String
    let deadline: MonotonicTime

    @TaskLocal static var current: Scope?
  }

  private let running = Atomic<Int>(0)
  private let requestIDs = RequestIDs()

  func around(_ handle: @escaping Router.Handler) -> Router.Handler {
    { request, parameters in
      let timeout = Self.timeout(of: request)
      let scope = Scope(requestID: self.requestIDs.id(of: request), deadline: .now() + timeout)
      var response: HTTPResponse
      if timeout <= .zero {
        response = ProblemBody.response(.gatewayTimeout)
      } else if self.enter() {
        defer { self.running.subtract(1, ordering: .relaxed) }
        response = try await Scope.$current.withValue(scope) {
          try await handle(request, parameters)
        }
      } else {
        response = ProblemBody.response(.serviceUnavailable)
      }
      response.fields[.requestID] = scope.requestID
      if !response.fields.contains(.cacheControl) {
        response.fields.append(.cacheControl, "no-store")
      }
      return response
    }
  }

  /// - Returns: whether there is room; if so, the request is counted.
  private func enter() -> Bool {
    if running.add(1, ordering: .relaxed).newValue <= Self.requestsMax { return true }
    running.subtract(1, ordering: .relaxed)
    return false
  }

  private static func timeout(of request: HTTPRequest) -> Duration {
    guard let field = request.fields[.requestTimeout], let milliseconds = Int(field) else {
      return timeoutMax
    }
    return min(.milliseconds(milliseconds), timeoutMax)
  }
}
