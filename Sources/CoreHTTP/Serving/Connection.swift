import EventLoops
import Glibc
import HTTPMessages

/// One client's connection: reads what is there, parses in place, answers in order, and writes the
/// answers to all pipelined requests at once. Requests are taken one after the other; while one is
/// being answered in the connection's task, nothing behind it is parsed.
///
/// - `Connection+Answers.swift`: requests and their answers
/// - `Connection+Output.swift`: sending and ending
/// - `Connection+Streaming.swift`: answers with a streamed body
final class Connection: DescriptorHandler, @unchecked Sendable {
  // @unchecked: touched on its loop's thread only; its task runs there too.

  /// What the connection is waiting for: decides which timeout applies.
  enum Phase {
    case idle
    case head
    case body
    case answering
    /// The last answer is on its way, or held up by an unwilling reader.
    case ending
    /// Our side is shut; what the client still sends is dropped.
    case lingering
    case closed
  }

  let descriptor: Int32
  /// A cycle until the connection is closed, which every connection is in the end.
  let server: ServerLoop
  /// Position among the server's connections.
  var place: Int
  /// nil after `close`, and until there is something to wait for; see `open`.
  @exclusivity(unchecked) var watch: DescriptorWatch?

  /// A connection begins inside its first head: the time for it counts from accept.
  var phase = Phase.head
  var phaseStart: UInt32
  /// Unchecked, like others below: the checks for overlapping accesses cost 5 % of a request, and there is
  /// but one thread.
  @exclusivity(unchecked) var parser: RequestParser
  /// Received and not yet consumed: part of a head or of a trailer section, or requests behind the
  /// one that is being answered.
  @exclusivity(unchecked) var pending = ByteQueue()
  /// The client has ended its sending side.
  var peerEnded = false
  /// Bytes of the same read stand behind the request being parsed.
  var isMoreAtHand = false
  var requestsServed = 0
  var lingerBytes = 0

  /// The request being answered; see `Connection+Answers.swift`.
  @exclusivity(unchecked) var exchange = Exchange()
  var task: Task<Void, Never>?
  var work: Work?
  var waiter: UnsafeContinuation<Work?, Never>?

  /// The body being streamed; see `Connection+Streaming.swift`.
  var stream: (body: HTTPBodyStream, writer: StreamWriter)?
  var isStreamAskedToEnd = false

  /// See `Connection+Output.swift`.
  @exclusivity(unchecked) var unsent = ByteQueue()
  var isBlocked = false
  /// When the client last took something, and what the kernel held for it then.
  var writeStart: UInt32 = 0
  var unacknowledgedBytes: Int32 = 0
  var isFlushScheduled = false
  /// How often it has answers among those that the loop sends before it waits.
  var postedCount = 0
  /// After the last answer, bytes of the client may still be under way.
  var mustLinger = false

  init(_ descriptor: Int32, peer: PeerAddress, server: ServerLoop, place: Int) {
    self.descriptor = descriptor
    self.server = server
    self.place = place
    phaseStart = server.tick
    parser = server.parser(for: peer)
  }

  /// Begins to wait for the first request, or takes it.
  ///
  /// - Parameter isHereLikely: when the request is here already, as under load it is, and the connection
  ///   ends with the answer to it, it never takes a place in the epoll set.
  /// - Returns: whether something was read.
  func open(isHereLikely: Bool) -> Bool {
    if isHereLikely { receive() }
    updateInterest()
    return phase != .head || parser.isInsideRequest || !pending.isEmpty
  }

  func enter(_ phase: Phase) {
    self.phase = phase
    phaseStart = server.tick
  }

  // MARK: Readiness

  func descriptorReady(_ readiness: Readiness) {
    if readiness.contains(.failed) { return close() }
    if readiness.contains(.writable) {
      sendUnsent()
      if phase != .closed, !isBlocked { servePending() }
    }
    guard phase != .closed else { return }
    if readiness.contains(.readable) {
      receive()
    } else if readiness.contains(.hungUp) {
      close()
    }
  }

  private func receive() {
    let count = recv(descriptor, server.input.baseAddress, server.input.count, 0)
    guard count > 0 else { return count == 0 ? receiveEnd() : receiveFailed() }
    if phase == .lingering || phase == .ending { return drop(count) }
    let input = UnsafeBufferPointer(rebasing: server.input[..<count])
    if pending.isEmpty, canServe {
      let consumed = serve(input.span)
      if consumed < count, phase != .lingering, phase != .closed {
        pending.append(UnsafeBufferPointer(rebasing: input[consumed...]))
      }
      settle()
    } else {
      pending.append(input)
      servePending()
    }
  }

  private func receiveEnd() {
    peerEnded = true
    if phase == .lingering { close() } else { servePending() }
  }

  private func receiveFailed() {
    if errno != EAGAIN, errno != EINTR { close() }
  }

  /// What comes after the last request is read, so that the client gets its answer rather than a
  /// reset (RFC 9112 section 9.6).
  private func drop(_ count: Int) {
    lingerBytes += count
    if lingerBytes > server.limits.lingerBytesMax { close() }
  }

  // MARK: Serving

  /// A further request may be parsed.
  var canServe: Bool {
    switch phase {
    case .idle, .head, .body: !isBlocked
    case .answering, .ending, .lingering, .closed: false
    }
  }

  /// Serves what is left from earlier reads.
  func servePending() {
    if canServe, !pending.isEmpty {
      var bytes = pending.take()
      let consumed = serve(bytes.span)
      if phase != .lingering, phase != .closed {
        bytes.removeFirst(consumed)
        pending = bytes
      }
    }
    settle()
  }

  /// Parses requests and answers them until the bytes are used up or an answer needs time.
  ///
  /// - Returns: how many bytes are done with.
  private func serve(_ input: Span<UInt8>) -> Int {
    var offset = 0
    while offset < input.count, canServe {
      var consumed = 0
      let step = parser.advance(input.extracting(offset...), consumed: &consumed)
      offset += consumed
      switch step {
      case .incomplete:
        flush()
        return offset
      case .head: beginBody(isHere: offset < input.count)
      case .request:
        isMoreAtHand = offset < input.count
        begin(parser.takeRequest())
        if phase == .ending, offset < input.count { mustLinger = true }
      case .refused(let refusal): refuse(refusal, request: nil)
      }
      if server.output.fresh.count > server.limits.unsentBytesMax { flush() }
    }
    flush()
    return offset
  }

  /// After every change: stamps what is now waited for, and waits for it.
  private func settle() {
    switch phase {
    case .idle, .head, .body:
      if peerEnded, !isBlocked { return endAfterPeer() }
      if parser.isInsideBody {
        if phase != .body { enter(.body) }
      } else if !pending.isEmpty || parser.isInsideRequest {
        if phase != .head { enter(.head) }
      }
    case .answering, .ending, .lingering, .closed: break
    }
    updateInterest()
  }

  /// The client sends no more. Everything complete is answered; a part of a request is refused.
  private func endAfterPeer() {
    guard !pending.isEmpty || parser.isInsideRequest else { return finishOutput() }
    refuse(.malformed("The request was cut short."), request: nil)
    flush()
  }

  func updateInterest() {
    if let watch { return watch.want(interest) }
    // What ends with an answer that is already posted is not waited for.
    guard phase != .closed, phase != .ending || postedCount == 0 else { return }
    watch = server.loop.watch(descriptor, for: interest, handler: self)
  }

  private var interest: Readiness {
    if isBlocked { return .writable }
    let isFull = pending.count >= server.limits.readAheadBytesMax && phase == .answering
    return peerEnded || isFull ? [] : .readable
  }

  // MARK: Time

  /// Called once a tick.
  func enforceTimeouts() {
    let limits = server.limits
    if isBlocked {
      noteProgress()
      if hasPassed(limits.writeStallTimeMax, since: writeStart) { close() }
      return
    }
    switch phase {
    case .idle: if hasPassed(limits.idleTimeMax, since: phaseStart) { close() }
    case .head:
      guard hasPassed(limits.headTimeMax, since: phaseStart) else { return }
      if pending.isEmpty, !parser.isInsideRequest { return close() }
      refuseLate("The request's head took too long.")
    case .body:
      let earned = parser.bodyByteCount / limits.bodyBytesPerExtraSecond
      if hasPassed(limits.bodyTimeMax + .seconds(earned), since: phaseStart) {
        refuseLate("The request's body took too long.")
      }
    case .lingering: if hasPassed(limits.lingerTimeMax, since: phaseStart) { close() }
    case .answering, .ending, .closed: break
    }
  }

  private func hasPassed(_ limit: Duration, since start: UInt32) -> Bool {
    server.tick &- start > server.ticks(limit)
  }

  private func refuseLate(_ reason: String) {
    refuse(Refusal(.requestTimeout, reason), request: nil)
    flush()
    updateInterest()
  }

  /// Between two requests, with nothing left to send.
  private var isAtRest: Bool {
    phase == .idle && pending.isEmpty && unsent.isEmpty && postedCount == 0
  }

  /// The server drains: a connection between two requests ends now, and so does a stream without an
  /// end of its own.
  func beginDraining() {
    // A request may have come that nobody has read yet: closing would answer it with a reset.
    if isAtRest { receive() }
    if isAtRest { close() }
    endStreamIfDraining()
  }
}
