/// What a watch of a key has seen.
package enum KeyEvent: Sendable, Equatable {
  /// Another value than before, or the first; nil when the key is not there. A key that an agent
  /// does not know any more after an outage is told as gone up to 30 s later.
  case value(String?)
  /// Consul does not answer, refuses, or has no leader: the value known stays in use. Told at once,
  /// then at most once a minute until it answers again.
  case degraded(reason: ConsulError)
  case recovered
}

/// Follows one key of Consul's store by long polls, for a setting that may change while the service runs.
/// Whoever is told checks a value before it counts.
package struct KeyWatch: Sendable {
  /// Its parts are separated by `/`.
  package let key: String
  private let client: ConsulClient
  private let report: @Sendable (KeyEvent) -> Void

  /// - Parameter report: called from `run`, one event after the other.
  package init(
    key: String, client: ConsulClient, report: @escaping @Sendable (KeyEvent) -> Void
  ) {
    self.key = key
    self.client = client
    self.report = report
  }

  /// Watches until its task is cancelled, which it obeys at once.
  package func run() async {
    let (client, key, report) = (client, key, report)
    await WatchLoop<String?> { request in
      let answer = try await client.value(of: key, index: request.index, wait: request.wait)
      return .init(value: answer.value, index: answer.index, hasLeader: answer.hasLeader)
    }.run(known: nil) { event in
      switch event {
      case .found(.changed(let value), _): report(.value(value))
      case .found, .held, .returned, .indexWentBack, .failed(_, isNews: false): break
      case .failed(let error, isNews: true): report(.degraded(reason: error))
      case .recovered: report(.recovered)
      }
    }
  }
}
