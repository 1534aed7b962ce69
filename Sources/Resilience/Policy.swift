/// How one attempt ended: what the caller would get, and what policies make of it.
///
/// Between policies results travel as values, so that a rejection costs no throw and a failed HTTP
/// answer needs no error.
///
/// What is generic on a call's path is `@inlinable`: compiled for `Value` where it is called. Compiled
/// for any, it looks up types by name at run time, which takes ten times as long as the policies do.
@usableFromInline
package struct Attempt<Value> {
  @usableFromInline package let result: Result<Value, any Error>
  @usableFromInline package let outcome: Outcome

  @inlinable
  package init(_ result: Result<Value, any Error>, _ outcome: Outcome) {
    self.result = result
    self.outcome = outcome
  }

  /// A rejection of our own, or a cancellation.
  @inlinable
  static func ignored(_ error: any Error) -> Attempt { Attempt(.failure(error), .ignored) }
}

/// Something that stands between a caller and an operation. Composition is static: no existential
/// on a call's path.
@usableFromInline
package protocol Policy: Sendable {
  /// Runs `operation` as the policy permits: never, once, or several times.
  nonisolated(nonsending) func attempt<Value>(
    _ context: CallContext,
    _ operation: nonisolated(nonsending) (CallContext) async -> Attempt<Value>
  ) async -> Attempt<Value>
}

extension Policy {
  /// Runs `operation` under this policy.
  ///
  /// - Parameter classify: what an attempt's result means.
  /// - Throws: what `operation` threw last, unchanged; a `LocalRejection`; or `CancellationError`.
  @inlinable
  package nonisolated(nonsending) func execute<Value>(
    _ context: CallContext, classify: (Result<Value, any Error>) -> Outcome,
    _ operation: nonisolated(nonsending) (CallContext) async throws -> Value
  ) async throws -> Value {
    try await attempt(context) { context in
      await .run(context, classify: classify, operation)
    }.result.get()
  }

  /// As above; values are successes, errors what they say of themselves. Not a default argument: a
  /// generic closure made by the caller is allocated.
  @inlinable
  package nonisolated(nonsending) func execute<Value>(
    _ context: CallContext,
    _ operation: nonisolated(nonsending) (CallContext) async throws -> Value
  ) async throws -> Value {
    try await execute(context, classify: { Outcome.of($0) }, operation)
  }
}

extension Attempt {
  /// Runs `operation` once and classifies its result. Cancellation is looked at first: what an
  /// operation returns or throws after its caller left is no success and no failure.
  @inlinable @inline(__always)
  nonisolated(nonsending) static func run(
    _ context: CallContext,
    classify: (Result<Value, any Error>) -> Outcome,
    _ operation: nonisolated(nonsending) (CallContext) async throws -> Value
  ) async -> Attempt {
    let result: Result<Value, any Error>
    do {
      result = .success(try await operation(context))
    } catch {
      result = .failure(error)
    }
    if Task.isCancelled { return .ignored(CancellationError()) }
    return Attempt(result, classify(result))
  }
}
