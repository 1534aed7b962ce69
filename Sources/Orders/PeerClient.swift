import HTTPMessages
import ServiceKit
import SharedKernel

/// What the clients of both peers have in common.
enum PeerClient {
  /// Makes a call and reads its answer; what tells nothing about the effect becomes `unknown`.
  ///
  /// - Parameter read: nil for an answer that is neither a success nor a refusal for good.
  static func step(
    _ options: CallOptions, _ call: (CallOptions) async throws -> HTTPResponse,
    _ read: (HTTPResponse) throws -> StepResult?
  ) async -> StepResult {
    do {
      let answer = try await call(options)
      // A refusal that says when to come back is none for good.
      if answer.status.code < 400 || answer.fields[.retryAfter] == nil,
        let result = try read(answer)
      {
        return result
      }
      return StepResult(
        .unknown, trouble: "answered \(answer.status.code)",
        retryAfter: answer.fields[.retryAfter].flatMap { Int($0) }.map { .seconds($0) })
    } catch let failure as UpstreamFailure {
      return StepResult(
        .unknown, trouble: "\(failure.detail) \(failure.cause)", retryAfter: failure.retryAfter)
    } catch {
      return StepResult(.unknown, trouble: "\(error)")
    }
  }
}

extension CallOptions {
  /// A call whose repetition changes nothing, made within `limit` if there is one.
  static func limited(
    attempt: Duration, attemptsMax: Int, to limit: Duration?
  ) -> CallOptions {
    var options = CallOptions.repeatable(attempt: attempt, attemptsMax: attemptsMax)
    // Only the total: an attempt that this client's impatience ends says nothing about the peer.
    if let limit { options.totalTimeout = min(options.totalTimeout, limit) }
    return options
  }
}
