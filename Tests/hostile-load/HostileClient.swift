import EventLoops
import Glibc

/// What a client does to the server, once connected.
struct Script {
  /// Sent at once, as far as the server takes it.
  var opening: [UInt8] = []
  /// Sent behind it, a byte a second, for as long as the connection lives.
  var drips = false
  var reads = true
  /// A small receive buffer, so that the server soon feels it when nothing is read.
  var hasSmallBuffer = false
  /// Ends its sending side behind the opening.
  var halfCloses = false
  /// Resets the connection behind the opening.
  var resets = false
}

/// One connection to the server, on this program's only loop.
final class HostileClient: DescriptorHandler, @unchecked Sendable {
  // @unchecked: touched on the loop's thread only.

  enum State: Equatable {
    case connecting
    case connected
    /// The server has ended its sending side.
    case ended
    /// By the server or, if the script says so, by the client.
    case reset
    case refused
  }

  /// Kept of what the server sent.
  private static let keptBytesMax = 16 * 1024 * 1024

  private(set) var state = State.connecting
  private(set) var received: [UInt8] = []
  private let descriptor: Int32
  private let loop: EventLoop
  private let script: Script
  private var watch: DescriptorWatch?
  private var sent = 0
  private var dripTimer: LoopTimer?

  init(_ script: Script, port: UInt16, loop: EventLoop) throws {
    self.script = script
    self.loop = loop
    descriptor = socket(
      AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Trouble("no socket: errno \(errno)") }
    if script.hasSmallBuffer {
      var size: Int32 = 4096
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    let result = withLoopbackAddress(port) { connect(descriptor, $0, $1) }
    if result != 0, errno != EINPROGRESS {
      state = .refused
      return
    }
    watch = loop.watch(descriptor, for: .writable, handler: self)
  }

  /// Ends the connection, if the server has not.
  func close() {
    guard let watch else { return }
    watch.cancel()
    self.watch = nil
    dripTimer?.cancel()
    Glibc.close(descriptor)
  }

  func descriptorReady(_ readiness: Readiness) {
    if readiness.contains(.failed) { return end(state == .connecting ? .refused : .reset) }
    if state == .connecting {
      state = .connected
      if script.drips { drip() }
    }
    if readiness.contains(.writable) { sendOpening() }
    if readiness.contains(.readable) { receive() }
  }

  private func sendOpening() {
    while sent < script.opening.count {
      let count = script.opening[sent...].withUnsafeBytes {
        send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EAGAIN { return want(writing: true) }
      guard count > 0 else { return end(.reset) }
      sent += count
    }
    if script.resets {
      var option = linger(l_onoff: 1, l_linger: 0)
      setsockopt(
        descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
      return end(.reset)
    }
    if script.halfCloses { shutdown(descriptor, Int32(SHUT_WR)) }
    want(writing: false)
  }

  private func want(writing: Bool) {
    var interest: Readiness = writing ? [.writable] : []
    if script.reads { interest.insert(.readable) }
    watch?.want(interest)
  }

  private func drip() {
    dripTimer = loop.schedule(after: .seconds(1)) { [weak self] in
      guard let self, watch != nil else { return }
      var byte = UInt8(ascii: "x")
      _ = send(descriptor, &byte, 1, Int32(MSG_NOSIGNAL))
      drip()
    }
  }

  private func receive() {
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    if count < 0, errno == EAGAIN { return }
    guard count > 0 else { return end(count == 0 ? .ended : .reset) }
    if received.count + count <= Self.keptBytesMax { received += buffer[..<count] }
  }

  private func end(_ state: State) {
    self.state = state
    close()
  }
}

/// 127.0.0.1 as the kernel takes it.
func withLoopbackAddress<Value>(
  _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value
) -> Value {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  return withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
}
