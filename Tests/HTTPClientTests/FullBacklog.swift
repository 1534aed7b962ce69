import Glibc
import TestSupport

/// A listening port whose queue of connections is full: the kernel drops what comes, so that a
/// connection is neither made nor refused.
final class FullBacklog: Sendable {
  let authority: String
  private let descriptors: [Int32]

  init() throws {
    let port = try LoopbackPort.free(1)[0]
    authority = "127.0.0.1:\(port)"
    let listener = LoopbackPort.openSocket(SOCK_STREAM)
    _ = LoopbackPort.withAddress(port) { bind(listener, $0, $1) }
    listen(listener, 0)
    var descriptors = [listener]
    for _ in 1...4 {
      let client = LoopbackPort.openSocket(SOCK_STREAM)
      _ = fcntl(client, F_SETFL, O_NONBLOCK)
      _ = LoopbackPort.withAddress(port) { connect(client, $0, $1) }
      descriptors.append(client)
    }
    self.descriptors = descriptors
  }

  func close() {
    for descriptor in descriptors { Glibc.close(descriptor) }
  }
}
