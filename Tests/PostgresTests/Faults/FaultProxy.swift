import Glibc
import Synchronization
import TestSupport

/// A TCP proxy on 127.0.0.1 that does to a connection what networks do: delay, fall silent, cut in
/// mid-message, reset. One thread moves all bytes.
final class FaultProxy: Sendable {
  enum Direction: Hashable {
    case toServer
    case toClient
  }

  struct Failure: Error { let errorNumber: Int32 }

  /// Bytes that one direction of a link holds; then it reads no more.
  private static let heldBytesMax = 1 << 18

  let port: UInt16
  private let listener: Int32
  /// Both ends of a pipe that ends the thread's wait.
  private let wakeUp: (out: Int32, in: Int32)
  private let state: Mutex<State>

  private struct State {
    /// Where new links lead.
    var serverPort: UInt16
    var links: [Link] = []
    var delay: Duration = .zero
    /// What new links are made with.
    var silentForNew: Set<Direction> = []
    var isClosed = false
  }

  init(to serverPort: UInt16) throws {
    state = Mutex(State(serverPort: serverPort))
    port = try LoopbackPort.free(1)[0]
    listener = LoopbackPort.openSocket(SOCK_STREAM)
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Failure(errorNumber: errno) }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    wakeUp = (ends[0], ends[1])
    var one: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    guard LoopbackPort.withAddress(port, { bind(listener, $0, $1) }) == 0,
      listen(listener, 512) == 0
    else { throw Failure(errorNumber: errno) }
    _ = fcntl(listener, F_SETFL, O_NONBLOCK)
    startThread()
  }

  // MARK: What a test does with it

  /// Connections that are open at present.
  var linkCount: Int { state.withLock { $0.links.count } }

  /// Everything passes from now on, also what was held back.
  func pass() {
    change { state in
      state.delay = .zero
      state.silentForNew = []
      for index in state.links.indices { state.links[index].setSilent([]) }
    }
  }

  /// New connections go to the server on `port`; those that are open stay where they are.
  func lead(to port: UInt16) {
    change { $0.serverPort = port }
  }

  /// Each piece that arrives from now on is passed on so much later.
  func delay(by delay: Duration) {
    change { $0.delay = delay }
  }

  /// Open connections pass nothing in `directions`; nobody is told. `newOnes`: those to come as well.
  func silence(_ directions: Set<Direction>, newOnes: Bool) {
    change { state in
      for index in state.links.indices { state.links[index].setSilent(directions) }
      if newOnes { state.silentForNew = directions }
    }
  }

  /// Each open connection passes so many more bytes in `direction`, and is closed then.
  func truncate(_ direction: Direction, afterBytes count: Int) {
    change { state in
      for index in state.links.indices { state.links[index].truncate(direction, after: count) }
    }
  }

  /// Both ends of one open connection get a reset, if there is one.
  ///
  /// - Parameter position: which; any number will do.
  func resetOne(_ position: Int) {
    change { state in
      guard !state.links.isEmpty else { return }
      state.links.remove(at: position % state.links.count).close(withReset: true)
    }
  }

  /// Both ends of each open connection get a reset.
  func reset() {
    change { state in
      for link in state.links { link.close(withReset: true) }
      state.links = []
    }
  }

  func close() {
    change { state in
      state.isClosed = true
      for link in state.links { link.close(withReset: true) }
      state.links = []
    }
  }

  private func change(_ body: (inout State) -> Void) {
    state.withLock { state in
      guard !state.isClosed else { return }
      body(&state)
      // When the pipe is full the thread is awake anyway. Under the lock, since the thread closes the pipe
      // when it sees that it is to end.
      _ = write(wakeUp.in, "!", 1)
    }
  }

  // MARK: The thread

  private func startThread() {
    let context = Unmanaged.passRetained(self).toOpaque()
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { context in
        Unmanaged<FaultProxy>.fromOpaque(context!).takeRetainedValue().run()
        return nil
      }, context)
    pthread_detach(thread)
  }

  private func run() {
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      var (waits, milliseconds): ([pollfd], Int32) = state.withLock { state in
        (polls(of: state), timeout(of: state))
      }
      guard !waits.isEmpty else { break }
      _ = poll(&waits, nfds_t(waits.count), milliseconds)
      var ready: [Int32] = []
      for wait in waits where wait.revents != 0 { ready.append(wait.fd) }
      if ready.contains(wakeUp.out) { while read(wakeUp.out, &buffer, buffer.count) > 0 {} }
      state.withLock { state in
        guard !state.isClosed else { return }
        if ready.contains(listener) { accept(into: &state) }
        let now = ContinuousClock.now
        for index in state.links.indices where state.links[index].isReady(ready, now: now) {
          state.links[index].move(through: &buffer, delay: state.delay, now: now)
        }
        state.links.removeAll { link in
          if link.isOver { link.close(withReset: false) }
          return link.isOver
        }
      }
    }
    Glibc.close(listener)
    Glibc.close(wakeUp.out)
    Glibc.close(wakeUp.in)
  }

  private func accept(into state: inout State) {
    while true {
      let client = Glibc.accept(listener, nil, nil)
      guard client >= 0 else { return }
      let server = LoopbackPort.openSocket(SOCK_STREAM)
      let connected = LoopbackPort.withAddress(state.serverPort) { connect(server, $0, $1) }
      let link = Link(client: client, server: server, silent: state.silentForNew)
      if connected == 0 { state.links.append(link) } else { link.close(withReset: true) }
    }
  }

  /// What to wait for; nothing once closed.
  private func polls(of state: State) -> [pollfd] {
    guard !state.isClosed else { return [] }
    var polls = [listener, wakeUp.out].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    for link in state.links { link.add(to: &polls, heldBytesMax: Self.heldBytesMax) }
    return polls
  }

  /// Until the first piece that is held back is due, in milliseconds; -1 without one.
  private func timeout(of state: State) -> Int32 {
    guard let due = state.links.compactMap(\.nextDue).min() else { return -1 }
    let wait = due - ContinuousClock.now
    return wait <= .zero ? 0 : Int32(wait / .milliseconds(1)) + 1
  }
}

/// One connection through the proxy.
private struct Link {
  private let client: Int32
  private let server: Int32
  private var toServer: Flow
  private var toClient: Flow

  init(client: Int32, server: Int32, silent: Set<FaultProxy.Direction>) {
    self.client = client
    self.server = server
    toServer = Flow(from: client, to: server)
    toClient = Flow(from: server, to: client)
    for descriptor in [client, server] {
      _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      var one: Int32 = 1
      setsockopt(
        descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }
    setSilent(silent)
  }

  /// - Parameter descriptors: those that can be read or written.
  func isReady(_ descriptors: [Int32], now: ContinuousClock.Instant) -> Bool {
    descriptors.contains(client) || descriptors.contains(server)
      || nextDue.map { $0 <= now } == true
  }

  /// One side has ended, and what it had said before has been passed on.
  var isOver: Bool { toServer.isOver || toClient.isOver }

  var nextDue: ContinuousClock.Instant? {
    guard let first = toServer.nextDue, let second = toClient.nextDue else {
      return toServer.nextDue ?? toClient.nextDue
    }
    return min(first, second)
  }

  mutating func setSilent(_ directions: Set<FaultProxy.Direction>) {
    toServer.isSilent = directions.contains(.toServer)
    toClient.isSilent = directions.contains(.toClient)
  }

  mutating func truncate(_ direction: FaultProxy.Direction, after count: Int) {
    switch direction {
    case .toServer: toServer.bytesLeft = count
    case .toClient: toClient.bytesLeft = count
    }
  }

  mutating func move(
    through buffer: inout [UInt8], delay: Duration, now: ContinuousClock.Instant
  ) {
    toServer.take(through: &buffer, due: now + delay)
    toServer.give(now: now)
    toClient.take(through: &buffer, due: now + delay)
    toClient.give(now: now)
  }

  func add(to polls: inout [pollfd], heldBytesMax: Int) {
    toServer.add(to: &polls, heldBytesMax: heldBytesMax)
    toClient.add(to: &polls, heldBytesMax: heldBytesMax)
  }

  func close(withReset: Bool) {
    for descriptor in [client, server] {
      if withReset {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
          descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
      }
      Glibc.close(descriptor)
    }
  }
}

/// One direction of a link.
private struct Flow {
  let from: Int32
  let to: Int32
  var isSilent = false
  /// Nil without a limit.
  var bytesLeft: Int?
  private var pieces: [(due: ContinuousClock.Instant, bytes: ArraySlice<UInt8>)] = []
  private var hasEnded = false
  /// The reader takes no more at present.
  private var isBlocked = false

  init(from: Int32, to: Int32) {
    self.from = from
    self.to = to
  }

  /// A silent one never ends: nobody is told of anything.
  var isOver: Bool { !isSilent && (bytesLeft == 0 || hasEnded && pieces.isEmpty) }

  /// When the first piece that is held back is to be passed on; nil for one that waits for its reader,
  /// not for a time.
  var nextDue: ContinuousClock.Instant? { isSilent || isBlocked ? nil : pieces.first?.due }

  private var heldBytes: Int { pieces.reduce(0) { $0 + $1.bytes.count } }

  func add(to polls: inout [pollfd], heldBytesMax: Int) {
    guard !isSilent else { return }
    if !hasEnded, heldBytes < heldBytesMax {
      polls.append(pollfd(fd: from, events: Int16(POLLIN), revents: 0))
    }
    if isBlocked {
      polls.append(pollfd(fd: to, events: Int16(POLLOUT), revents: 0))
    }
  }

  mutating func take(through buffer: inout [UInt8], due: ContinuousClock.Instant) {
    guard !isSilent, !hasEnded else { return }
    let count = recv(from, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    if count > 0 {
      pieces.append((due, buffer[..<count]))
    } else if count == 0 || errno != EAGAIN && errno != EINTR {
      hasEnded = true
    }
  }

  mutating func give(now: ContinuousClock.Instant) {
    while !isSilent, bytesLeft != 0, let first = pieces.first, first.due <= now {
      let bytes = first.bytes.prefix(bytesLeft ?? .max)
      let count = bytes.withUnsafeBytes {
        send(to, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
      }
      isBlocked = count < 0 && errno == EAGAIN
      guard count > 0 else {
        if !isBlocked, errno != EINTR { end() }
        return
      }
      if let left = bytesLeft { bytesLeft = left - count }
      pieces[0].bytes = first.bytes.dropFirst(count)
      if pieces[0].bytes.isEmpty { pieces.removeFirst() }
    }
  }

  /// Nobody takes what is left.
  private mutating func end() {
    pieces = []
    hasEnded = true
  }
}
