import Synchronization

/// How far this process's consumers are behind the feeds they read, in positions. A process that does not
/// hold a feed's lease knows nothing of it.
package final class ConsumerLags: Sendable {
  private let lags = Mutex<[String: Int64]>([:])

  package init() {}

  /// By source: `order-service`.
  var all: [String: Int64] { lags.withLock { $0 } }

  func note(_ lag: Int64?, of source: String) {
    lags.withLock { $0[source] = lag }
  }
}
