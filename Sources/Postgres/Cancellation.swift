import CPostgres
import EventLoops

/// A request to stop what one connection's server process runs. Sent on a connection of its own,
/// which blocks for milliseconds: never on a loop.
struct Cancellation: @unchecked Sendable {
  // @unchecked: `PQcancel` is safe on any thread, and only one of them has this.
  private let request: OpaquePointer

  /// Of their own: in a network that has fallen silent each request keeps its thread until the kernel
  /// gives it up (`ConnectionTarget.noticeDeadPeers`), and other work must not wait for that.
  static let threads = BlockingWork(threads: 2, waitingMax: 256)

  init(_ request: OpaquePointer) {
    self.request = request
  }

  /// To be called once. When it returns, the server has signalled the process.
  func send() {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { message in
      _ = PQcancel(request, message.baseAddress, 256)
    }
    PQfreeCancel(request)
  }
}
