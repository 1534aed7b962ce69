import Foundation

@testable import shopctl

/// A state directory of a test's own, gone when the test is over.
final class TemporaryState: Sendable {
  let state: StateDirectory

  init() throws {
    state = StateDirectory(existing: "/tmp/shopctl-tests-\(UUID().uuidString.lowercased())")
    try state.create()
  }

  deinit {
    // What is left in /tmp after a test does no harm.
    try? FileManager.default.removeItem(atPath: state.path)
  }
}
