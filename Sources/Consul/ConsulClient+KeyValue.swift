import HTTPMessages

/// A key's value in Consul's store.
package struct KeyAnswer: Sendable, Equatable {
  /// Nil for a key that is not there.
  package let value: String?
  /// X-Consul-Index; 0 if absent or unreadable. An absent key has one, too.
  package let index: UInt64
  /// False while the agent's cluster has no leader: the value may be old.
  package let hasLeader: Bool
}

extension ConsulClient {
  /// `GET /v1/kv/:key`: the value as text.
  ///
  /// - Parameters:
  ///   - key: its parts are separated by `/`.
  ///   - index: of the answer last seen: the agent waits for a newer one, up to `wait`. 0 answers at
  ///     once.
  package func value(
    of key: String, index: UInt64 = 0, wait: Duration = .seconds(55)
  ) async throws -> KeyAnswer {
    let isBlocking = index > 0
    let response = try await sendAllowingAbsence(
      ["kv"] + Self.parts(of: key),
      query: [
        ("raw", "1"), ("index", isBlocking ? "\(index)" : nil),
        ("wait", isBlocking ? Self.text(wait) : nil),
      ],
      timeout: isBlocking ? Self.pollTimeout(wait) : Self.plainTimeout)
    return KeyAnswer(
      value: response.status == .notFound ? nil : String(decoding: response.body, as: UTF8.self),
      index: response.fields["X-Consul-Index"].flatMap { UInt64($0) } ?? 0,
      hasLeader: response.fields["X-Consul-KnownLeader"]?.lowercased() != "false")
  }

  static func parts(of key: String) -> [String] {
    key.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
  }
}
