extension ResiliencePipeline {
  /// As `execute`; when the call fails, answers with what `fallback` makes of the error. Only for
  /// reads whose last known answer is better than none, never for payments.
  ///
  /// - Parameter fallback: never sees a cancellation; what it throws is thrown.
  /// - Returns: the value, and whether the fallback made it: a degraded answer must be visible.
  package nonisolated(nonsending) func execute<Value>(
    _ context: CallContext,
    classify: (Result<Value, any Error>) -> Outcome = { Outcome.of($0) },
    _ operation: nonisolated(nonsending) (CallContext) async throws -> Value,
    fallback: nonisolated(nonsending) (any Error) async throws -> Value
  ) async throws -> (value: Value, isFallback: Bool) {
    switch await attempt(context, classify: classify, operation).result {
    case .success(let value): return (value, false)
    case .failure(let error as CancellationError): throw error
    case .failure(let error): return (try await fallback(error), true)
    }
  }
}
