/// Calls an upstream with breaker, retry, bulkhead and deadline:
///
///     let order = try await resilientCall("payment") { try await client.authorise(order) }
///
/// The policies are the registry's, one set per upstream. `operation` may run several times; pass
/// `idempotency: .unsafe` for what must not be repeated once it may have happened.
///
/// - Throws: what `operation` threw last, unchanged; a `LocalRejection`; or `CancellationError`.
package nonisolated(nonsending) func resilientCall<Value>(
  _ upstream: String = "default", preset: Preset = .http, idempotency: Idempotency = .idempotent,
  registry: ResilienceRegistry = .shared,
  _ operation: nonisolated(nonsending) () async throws -> Value
) async throws -> Value {
  try await registry.pipeline(upstream, preset: preset).execute(
    CallContext(upstream: upstream, idempotency: idempotency)
  ) { _ in try await operation() }
}
