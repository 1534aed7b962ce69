import Dispatch
import Glibc

/// Signals as a stream of values, in place of the end of the process that they would mean otherwise.
///
/// Children do not inherit it: Subprocess gives them the default dispositions back.
struct SignalStream: Sendable {
  let values: AsyncStream<Int32>
  /// Only kept alive here; after `init` nothing touches them.
  private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

  init(_ signals: [Int32]) {
    let queue = DispatchQueue(label: "shop.signals")
    let (values, continuation) = AsyncStream.makeStream(
      of: Int32.self, bufferingPolicy: .bufferingNewest(16))
    self.values = values
    sources = signals.map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { continuation.yield(number) }
      source.resume()
      return source
    }
  }
}
