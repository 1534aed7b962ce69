import CEpoll
import EventLoops
import Glibc

/// Sending. Answers gather in the loop's buffer and leave it before the loop waits: to the socket, or what
/// that does not take to `unsent`.
extension Connection {
  /// Posts what has gathered; ends the connection if that was its last answer.
  func flush() {
    guard phase != .closed else { return server.output.removeFresh() }
    if !unsent.isEmpty {
      if phase == .answering, isFlushScheduled, server.output.fresh.isEmpty { return }
      keepOutput()
      if !isBlocked { return sendUnsent() }
    } else if !server.output.fresh.isEmpty {
      postedCount += 1
      server.post(self)
    }
    if phase == .ending, !isBlocked { finishOutput() }
  }

  /// The loop sends what was posted once.
  func sendPosted(_ bytes: UnsafeBufferPointer<UInt8>) {
    postedCount -= 1
    guard phase != .closed else { return }
    let sent = unsent.isEmpty ? send(bytes) : 0
    guard phase != .closed else { return }
    if sent < bytes.count {
      unsent.append(UnsafeBufferPointer(rebasing: bytes[sent...]))
      block()
    } else if phase == .ending {
      finishOutput()
    }
  }

  /// Sends what has gathered when the loop has done everything else of this turn.
  func flushAtEndOfTurn() {
    keepOutput()
    guard !isFlushScheduled else { return }
    isFlushScheduled = true
    server.loop.beforeWaiting {
      self.isFlushScheduled = false
      if self.phase != .closed, !self.isBlocked { self.sendUnsent() }
    }
  }

  /// Moves what has gathered out of the loop's buffer.
  private func keepOutput() {
    if postedCount > 0 { server.sendPosted() }
    unsent.append(server.output.fresh)
    server.output.removeFresh()
  }

  /// Sends what waits; to be called when the socket may take it.
  func sendUnsent() {
    guard !unsent.isEmpty else { return }
    let sent = unsent.withBytes { send($0) }
    guard phase != .closed else { return }
    if sent < unsent.count {
      unsent.removeFirst(sent)
      if sent > 0 { beginStall() }
      block()
    } else {
      unsent.removeAll()
      if isBlocked {
        isBlocked = false
        // What the client had to do meanwhile was to read.
        phaseStart = server.tick
      }
      if phase == .ending { finishOutput() } else { updateInterest() }
    }
    stream?.writer.wake()
  }

  private func block() {
    if !isBlocked {
      isBlocked = true
      beginStall()
    }
    updateInterest()
  }

  private func beginStall() {
    writeStart = server.tick
    unacknowledgedBytes = cepoll_unacknowledged_bytes(descriptor)
  }

  /// A slow client is told from one that reads nothing by what the kernel holds for it: the socket wakes
  /// nobody before half of `Listener.kernelUnsentBytesMax` is gone. Called once a tick.
  func noteProgress() {
    let bytes = cepoll_unacknowledged_bytes(descriptor)
    guard bytes < unacknowledgedBytes else { return }
    unacknowledgedBytes = bytes
    // Some time after the look before this one.
    writeStart = server.tick &- 1
  }

  /// - Returns: how many bytes the socket took; a failed socket closes the connection.
  private func send(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    while true {
      let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
      if count >= 0 { return count }
      switch errno {
      case EINTR: continue
      case EAGAIN: return 0
      default:
        close()
        return 0
      }
    }
  }

  // MARK: Ending

  /// Everything is sent and nothing more will be: closes, at once if nothing of the client's can be
  /// lost by it.
  func finishOutput() {
    if postedCount > 0 { return enter(.ending) }
    guard !peerEnded, mustLinger || !pending.isEmpty else { return close() }
    pending.removeAll()
    shutdown(descriptor, Int32(SHUT_WR))
    enter(.lingering)
    updateInterest()
  }

  /// Closes the descriptor and cancels the handler at work. A second call does nothing.
  func close() {
    guard phase != .closed else { return }
    phase = .closed
    abandonStream()
    if let watch = watch.take() { watch.close() } else { Glibc.close(descriptor) }
    task?.cancel()
    waiter?.resume(returning: nil)
    waiter = nil
    work = nil
    pending.removeAll()
    unsent.removeAll()
    server.remove(self)
  }
}
