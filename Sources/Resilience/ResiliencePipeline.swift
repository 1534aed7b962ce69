/// All policies of one upstream, in the one order that is right
/// (resilience-and-discovery.md section 5). Made once, at start-up, by the registry.
@usableFromInline
package struct ResiliencePipeline: Sendable {
  @usableFromInline package let bulkhead: Bulkhead?
  @usableFromInline package let retry: Retry
  @usableFromInline package let circuitBreaker: CircuitBreaker
  @usableFromInline package let rateLimiter: RateLimiter?
  @usableFromInline let totalDeadline: TotalDeadline
  @usableFromInline let attemptTimeout: AttemptTimeout
  private let attemptTimeoutNanoseconds: Int64

  init(
    preset: Preset, circuitBreaker: CircuitBreaker, retry: Retry, bulkhead: Bulkhead?,
    rateLimiter: RateLimiter?, clock: any ResilienceClock
  ) {
    self.bulkhead = bulkhead
    self.retry = retry
    self.circuitBreaker = circuitBreaker
    self.rateLimiter = rateLimiter
    totalDeadline = TotalDeadline(preset.totalDeadline, clock: clock)
    attemptTimeout = AttemptTimeout(clock: clock)
    attemptTimeoutNanoseconds = preset.attemptTimeout?.nanosecondsSaturated ?? .max
  }

  /// Runs one logical call: `operation` once per attempt, with the attempt's number and timeout in
  /// its context.
  ///
  /// - Parameters:
  ///   - classify: what an attempt's result means; a failing answer that is a value needs it.
  ///   - operation: must end the attempt after `context.attemptTimeout`, with an outcome of
  ///     `.attemptTimedOut`, and when its task is cancelled.
  /// - Returns: the last attempt's value, failing or not.
  /// - Throws: the last attempt's error, unchanged; a `LocalRejection`; or `CancellationError`.
  @inlinable
  package nonisolated(nonsending) func execute<Value>(
    _ context: CallContext,
    classify: (Result<Value, any Error>) -> Outcome,
    _ operation: nonisolated(nonsending) (CallContext) async throws -> Value
  ) async throws -> Value {
    try await attempt(context, classify: classify, operation).result.get()
  }

  /// As above; values are successes, errors what they say of themselves.
  @inlinable
  package nonisolated(nonsending) func execute<Value>(
    _ context: CallContext,
    _ operation: nonisolated(nonsending) (CallContext) async throws -> Value
  ) async throws -> Value {
    try await attempt(context, classify: { Outcome.of($0) }, operation).result.get()
  }

  /// As `execute`, with what the policies made of the result.
  @inlinable @inline(__always)
  package nonisolated(nonsending) func attempt<Value>(
    _ context: CallContext,
    classify: (Result<Value, any Error>) -> Outcome,
    _ operation: nonisolated(nonsending) (CallContext) async throws -> Value
  ) async -> Attempt<Value> {
    await totalDeadline.attempt(prepared(context)) { context in
      await bulkhead.attempt(context) { context in
        await retry.attempt(context) { context in
          await circuitBreaker.attempt(context) { context in
            await rateLimiter.attempt(context) { context in
              await attemptTimeout.attempt(context) { context in
                await .run(context, classify: classify, operation)
              }
            }
          }
        }
      }
    }
  }

  /// With the preset's attempt timeout, unless the call has its own.
  @usableFromInline
  func prepared(_ context: CallContext) -> CallContext {
    guard context.attemptTimeoutNanoseconds == .max else { return context }
    var context = context
    context.attemptTimeoutNanoseconds = attemptTimeoutNanoseconds
    return context
  }
}

/// A policy that was left out lets everything through.
extension Optional: Policy where Wrapped: Policy {
  @inlinable @inline(__always)
  package nonisolated(nonsending) func attempt<Value>(
    _ context: CallContext,
    _ operation: nonisolated(nonsending) (CallContext) async -> Attempt<Value>
  ) async -> Attempt<Value> {
    switch self {
    case .some(let policy): await policy.attempt(context, operation)
    case .none: await operation(context)
    }
  }
}
