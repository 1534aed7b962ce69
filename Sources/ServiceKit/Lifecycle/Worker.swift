package import EventLoops
package import Logging

/// Work that goes on beside the requests for as long as the service runs: on one event loop, and
/// begun again, after a pause, whenever it fails.
package struct Worker: Sendable {
  /// In the log when it fails: `watch-order-service`.
  package let name: String
  private let body: @Sendable () async throws -> Void

  /// - Parameter body: runs until its task is cancelled; an error ends only this try.
  package init(_ name: String, _ body: @escaping @Sendable () async throws -> Void) {
    self.name = name
    self.body = body
  }

  private static let pauseMin: Duration = .milliseconds(200)
  private static let pauseMax: Duration = .seconds(10)

  /// Runs until its task is cancelled, or the body returns.
  package func run(on loop: EventLoop, logger: Logger) async {
    await withTaskExecutorPreference(loop) {
      var pause = Self.pauseMin
      while !Task.isCancelled {
        let start = ContinuousClock.now
        do {
          try await body()
          return
        } catch is CancellationError {
          return
        } catch {
          if Task.isCancelled { return }
          if start.duration(to: .now) > .seconds(60) { pause = Self.pauseMin }
          logger.warning(
            "a worker failed and is begun again",
            metadata: [
              "worker": "\(name)", "error": "\(error)",
              "pause": "\(pause)",
            ])
          // Cancelled while pausing: the loop's condition ends it.
          try? await Task.sleep(for: pause * Double.random(in: 0.5...1))
          pause = min(pause * 2, Self.pauseMax)
        }
      }
    }
  }
}
