import CEpoll
import EventLoops
import Glibc
import HTTPMessages

/// One event loop's share of a server: its listener, its connections, and the buffers they take turns
/// with.
final class ServerLoop: DescriptorHandler, @unchecked Sendable {
  // @unchecked: everything mutable is touched on the loop's thread only.

  /// Bytes taken from a socket at once.
  private static let inputBytes = 64 * 1024
  /// Connections accepted in a row, so that those there are get their turn.
  private static let acceptsInARowMax = 64
  /// Answers that wait for one another in a turn.
  private static let postedBytesMax = 64 * 1024
  /// A draining server waits as long for the client's part of a handshake, a round trip on the network.
  private static let handshakeTimeMax: Duration = .milliseconds(50)
  /// So many connections may have taken memory that is worth giving back: 4 MB with full buffers.
  private static let crowdMin = 12

  /// After an accept in vain, for which the kernel makes a socket all the same, so many events are taken for
  /// one connection each. If there are more, the next turn has an event, too.
  private static let singleAccepts = 15
  /// After one that was read from in vain, so many new connections are not, and wait for their event.
  private static let newcomersToWait = 15
  /// Parsers kept for connections to come: under load one closes as another opens.
  private static let sparesMax = 64

  let loop: EventLoop
  let handler: any ServerHandler
  let observer: (any ServerObserver)?
  let isObserved: Bool
  let limits: HTTPLimits
  /// Each connection reads into it and leaves nothing behind.
  let input = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: inputBytes)
  /// Each connection's answers are gathered in it.
  let output = OutputBuffer()
  let writer = ResponseWriter()
  /// Looks taken at the connections: the clock of their timeouts.
  private(set) var tick: UInt32 = 0
  private(set) var isDraining = false
  /// Answers end their connections, but where more requests are pipelined. Set by draining, too.
  private(set) var isLeaving = false
  /// Bodies being streamed.
  var streams = 0

  /// Whose answers wait in `output` for the end of the turn, and where.
  @exclusivity(unchecked) private var posted: [(connection: Connection, bytes: Range<Int>)] = []

  private let census: ConnectionCensus
  @exclusivity(unchecked) private var connections: [Connection] = []  // see Connection.parser
  private var singleAcceptsLeft = 0
  private var newcomersStillToWait = 0
  @exclusivity(unchecked) private var spares: [RequestParser] = []
  /// The most connections since memory was given back.
  private var crowd = 0
  private var listener: DescriptorWatch?
  private var isAcceptingPaused = false
  private var sweepTimer: LoopTimer?
  private var drainTimer: LoopTimer?
  private var drained: (() -> Void)?

  init(
    loop: EventLoop, handler: any ServerHandler, observer: (any ServerObserver)?,
    limits: HTTPLimits, census: ConnectionCensus
  ) {
    self.loop = loop
    self.handler = handler
    self.observer = observer
    isObserved = observer != nil
    self.limits = limits
    self.census = census
  }

  deinit {
    input.deallocate()
  }

  /// How many whole ticks `duration` needs at least; one more than that has surely passed it.
  func ticks(_ duration: Duration) -> UInt32 {
    let resolution = max(1, limits.timeResolution.wholeNanoseconds)
    let count = duration.wholeNanoseconds / resolution
    return UInt32(clamping: duration.wholeNanoseconds % resolution == 0 ? count : count + 1)
  }

  // MARK: Accepting

  /// Begins to accept. The descriptor is now the loop's to close.
  func listen(on descriptor: Int32) {
    listener = loop.watch(descriptor, for: .readable, handler: self)
    scheduleSweep()
  }

  func descriptorReady(_ readiness: Readiness) {
    acceptInARow()
  }

  /// - Returns: whether more may be waiting.
  @discardableResult
  private func acceptInARow() -> Bool {
    guard let listener, !isAcceptingPaused else { return false }
    let isSingle = singleAcceptsLeft > 0
    if isSingle { singleAcceptsLeft -= 1 }
    for _ in 0..<(isSingle ? 1 : Self.acceptsInARowMax) {
      guard census.enter() else {
        pauseAccepting()
        return false
      }
      var address = SocketAddress()
      let descriptor = address.withMutableSockaddr {
        cepoll_accept(listener.descriptor, $0, $1)
      }
      guard descriptor < 0 else {
        admit(descriptor, from: address)
        continue
      }
      let reason = errno
      census.leave()
      switch reason {
      case ECONNABORTED, EINTR, EPROTO: continue
      case EAGAIN:
        singleAcceptsLeft = Self.singleAccepts
        return false
      default:
        // Out of descriptors or memory: the next look tries again, rather than every turn.
        pauseAccepting()
        return false
      }
    }
    return true
  }

  private func admit(_ descriptor: Int32, from address: SocketAddress) {
    let connection = Connection(
      descriptor, peer: address.peer, server: self, place: connections.count)
    connections.append(connection)
    if newcomersStillToWait > 0 {
      newcomersStillToWait -= 1
      _ = connection.open(isHereLikely: false)
    } else if !connection.open(isHereLikely: true) {
      newcomersStillToWait = Self.newcomersToWait
    }
  }

  /// A parser whose memory is there already, if one is.
  func parser(for peer: PeerAddress) -> RequestParser {
    if spares.isEmpty { return RequestParser(limits: limits, peer: peer) }
    spares[spares.count - 1].begin(for: peer)
    return spares.removeLast()
  }

  private func pauseAccepting() {
    isAcceptingPaused = true
    listener?.want([])
  }

  private func resumeAccepting() {
    guard isAcceptingPaused else { return }
    isAcceptingPaused = false
    listener?.want(.readable)
  }

  /// Forgets a closed connection.
  func remove(_ connection: Connection) {
    let last = connections.removeLast()
    if last !== connection {
      connections[connection.place] = last
      last.place = connection.place
    }
    if connection.parser.isAtRest, spares.count < Self.sparesMax {
      spares.append(connection.parser)
    }
    census.leave()
    resumeAccepting()
    if connections.isEmpty, isDraining, listener == nil { finishDraining() }
  }

  // MARK: Sending

  /// Sends the connection's fresh output before the loop waits, together with that of others: then the
  /// processor's caches hold the code of a request for one after the other, and that of the kernel's
  /// sending afterwards. Answers of more than `Self.postedBytesMax` do not wait.
  func post(_ connection: Connection) {
    if posted.isEmpty { loop.beforeWaiting { self.sendPosted() } }
    posted.append((connection, output.keepFresh()))
    if output.count > Self.postedBytesMax { sendPosted() }
  }

  /// Sends what was posted.
  func sendPosted() {
    for (connection, bytes) in posted { connection.sendPosted(output.bytes(bytes)) }
    posted.removeAll(keepingCapacity: true)
    output.removeKept()
  }

  // MARK: Time

  private func scheduleSweep() {
    // Not weak: an object that was ever referred to weakly is slower to retain, and this one is
    // retained for every request. Draining cancels the timer.
    sweepTimer = loop.schedule(after: limits.timeResolution) { self.sweep() }
  }

  /// One look at every connection; a stamp and a comparison each.
  private func sweep() {
    tick &+= 1
    writer.refreshDate()
    // Backwards, since a connection that ends hands its place to the last one.
    for place in connections.indices.reversed() where place < connections.count {
      connections[place].enforceTimeouts()
    }
    resumeAccepting()
    returnMemory()
    if !isDraining || listener != nil || !connections.isEmpty { scheduleSweep() }
  }

  /// When a crowd has gone, gives back what it took: malloc keeps freed memory that lies between what
  /// is in use, tens of megabytes after some hundred connections with full buffers.
  private func returnMemory() {
    crowd = max(crowd, connections.count)
    guard crowd >= Self.crowdMin, connections.count < crowd / 4 else { return }
    crowd = connections.count
    cepoll_trim_memory()
  }

  // MARK: Draining

  func announceEnd() { isLeaving = true }

  /// Stops accepting, lets requests in flight finish, and closes what is left when `limit` is over, or at
  /// once when the task is cancelled.
  func drain(within limit: Duration) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        loop.execute { self.beginDraining(within: limit) { continuation.resume() } }
      }
    } onCancel: {
      loop.execute { self.beginDraining(within: .zero) {} }
    }
  }

  private func beginDraining(within limit: Duration, _ done: @escaping () -> Void) {
    sendPosted()
    if !isDraining {
      isDraining = true
      isLeaving = true
      stopAccepting(within: limit)
    }
    for connection in connections { connection.beginDraining() }
    let earlier = drained
    drained = {
      earlier?()
      done()
    }
    if connections.isEmpty, listener == nil { return finishDraining() }
    drainTimer?.cancel()
    drainTimer = loop.schedule(after: limit) {
      self.sendPosted()
      for connection in self.connections { connection.close() }
    }
  }

  private func finishDraining() {
    sweepTimer?.cancel()
    drainTimer?.cancel()
    let drained = drained
    self.drained = nil
    drained?()
  }

  /// Closing the listener resets those that wait for their accept, or are about to: so it first takes
  /// no new ones, and is closed when the last handshake under way must have ended.
  private func stopAccepting(within limit: Duration) {
    guard let listener else { return }
    cepoll_refuse_handshakes(listener.descriptor)
    while acceptInARow() {}
    loop.schedule(after: min(limit, Self.handshakeTimeMax)) { self.closeListener() }
  }

  private func closeListener() {
    guard let listener else { return }
    while acceptInARow() {}
    listener.cancel()
    close(listener.descriptor)
    self.listener = nil
    if connections.isEmpty { finishDraining() }
  }
}
