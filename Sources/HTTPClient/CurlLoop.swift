import CCurl
import EventLoops
import Glibc

/// libcurl's `CURL *` or `CURLM *`.
typealias CurlHandle = UnsafeMutableRawPointer

/// One event loop's libcurl: a multi handle whose sockets and timer live in the loop's epoll.
///
/// libcurl says which descriptors it waits for and when to come back; the loop calls it then. It
/// keeps idle connections for the next transfer to the same address. Belongs to the loop's thread.
final class CurlLoop: @unchecked Sendable {
  // @unchecked: everything but `loop` is touched on the loop's thread alone.

  let loop: EventLoop
  private let limits: ClientLimits
  private var multi: CurlHandle?
  private var sockets: [curl_socket_t: CurlSocket] = [:]
  private var transfers: [CurlHandle: CurlTransfer] = [:]
  private var idleHandles: [CurlHandle] = []
  private var sweep: LoopTimer?

  private static let sweepEvery: Duration = .seconds(1)

  /// When libcurl wants to be called, and the timer that will do it. The timer may be early: moving
  /// it for every transfer would fill the loop's heap with cancelled ones.
  private var deadline: MonotonicTime?
  private var timer: LoopTimer?
  private var isAdding = false
  private var timerDeadline = MonotonicTime(nanoseconds: .max)

  init(loop: EventLoop, limits: ClientLimits) {
    self.loop = loop
    self.limits = limits
  }

  /// Begins a transfer; it is told its end by `CurlTransfer.end`, on this thread, perhaps before this
  /// call returns.
  ///
  /// - Throws: `HTTPClientError.notSent(.tooManyTransfers)`, or what the transfer's own set-up
  ///   refuses.
  func start(_ transfer: CurlTransfer) throws {
    guard transfers.count < limits.transfersPerLoopMax else {
      throw HTTPClientError.notSent(.tooManyTransfers)
    }
    let multi = try openedMulti()
    guard let easy = idleHandles.popLast() ?? curl_easy_init() else {
      throw HTTPClientError.notSent(.other("libcurl has no memory for a transfer"))
    }
    do {
      try transfer.prepare(easy)
    } catch {
      keep(easy)
      throw error
    }
    transfers[easy] = transfer
    transfer.isRunning = true
    if sweep == nil { scheduleSweep() }
    isAdding = true
    let code = curl_multi_add_handle(multi, easy)
    isAdding = false
    guard code == CURLM_OK else {
      forget(easy)
      throw HTTPClientError.notSent(.other(CurlText.of(code)))
    }
    // The first step at once, instead of by a timer in the loop's next turn.
    act(CURL_SOCKET_TIMEOUT, 0)
  }

  /// Ends a transfer at once and closes its connection; `CurlTransfer.end` is not called for it.
  func abort(_ transfer: CurlTransfer) {
    guard transfer.isRunning, let easy = transfer.easy else { return }
    curl_multi_remove_handle(multi, easy)
    forget(easy)
  }

  /// Closes every idle connection and frees libcurl's memory. No transfer may be running.
  func close() {
    guard let multi else { return }
    timer?.cancel()
    sweep?.cancel()
    sweep = nil
    for easy in transfers.keys { curl_multi_remove_handle(multi, easy) }
    for easy in Array(transfers.keys) + idleHandles { curl_easy_cleanup(easy) }
    transfers = [:]
    idleHandles = []
    curl_multi_cleanup(multi)
    self.multi = nil
    for socket in sockets.values { socket.watch?.cancel() }
    sockets = [:]
  }

  // MARK: libcurl's wishes

  private func openedMulti() throws -> CurlHandle {
    if let multi { return multi }
    CurlGlobal.initialize
    guard let multi = curl_multi_init() else {
      throw HTTPClientError.notSent(.other("libcurl has no memory"))
    }
    // The loop outlives its multi handle: `close` frees it before this object goes.
    let context = Unmanaged.passUnretained(self).toOpaque()
    ccurl_multi_set_callbacks(
      multi,
      { _, descriptor, what, context, _ in
        Unmanaged<CurlLoop>.fromOpaque(context!).takeUnretainedValue()
          .waitFor(descriptor, what)
        return 0
      },
      { _, milliseconds, context in
        Unmanaged<CurlLoop>.fromOpaque(context!).takeUnretainedValue()
          .comeBack(milliseconds)
        return 0
      }, context)
    ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, limits.idleConnectionsPerLoopMax)
    self.multi = multi
    return multi
  }

  private func waitFor(_ descriptor: curl_socket_t, _ what: Int32) {
    if what == CURL_POLL_REMOVE {
      sockets.removeValue(forKey: descriptor)?.watch?.cancel()
      return
    }
    var interest: Readiness = []
    if what & CURL_POLL_IN != 0 { interest.insert(.readable) }
    if what & CURL_POLL_OUT != 0 { interest.insert(.writable) }
    if let socket = sockets[descriptor] {
      socket.watch?.want(interest)
    } else {
      let socket = CurlSocket(descriptor: descriptor, curl: self)
      socket.watch = loop.watch(descriptor, for: interest, handler: socket)
      sockets[descriptor] = socket
    }
  }

  private func comeBack(_ milliseconds: Int) {
    guard milliseconds >= 0 else {
      deadline = nil
      return
    }
    // libcurl rounds down and does not repeat a wish that is met too early: a millisecond more.
    let delay = milliseconds == 0 ? Duration.zero : .milliseconds(milliseconds + 1)
    let wanted = MonotonicTime.now() + delay
    deadline = wanted
    if isAdding { return }
    if wanted < timerDeadline { arm(for: wanted) }
  }

  private func arm(for wanted: MonotonicTime) {
    timer?.cancel()
    timerDeadline = wanted
    timer = loop.schedule(after: wanted - MonotonicTime.now()) { [unowned self] in timerFired() }
  }

  private func timerFired() {
    timerDeadline = MonotonicTime(nanoseconds: .max)
    guard let deadline else { return }
    if deadline <= MonotonicTime.now() {
      act(CURL_SOCKET_TIMEOUT, 0)
    } else {
      arm(for: deadline)
    }
  }

  fileprivate func ready(_ descriptor: curl_socket_t, _ readiness: Readiness) {
    var mask: Int32 = 0
    if readiness.contains(.readable) { mask |= CURL_CSELECT_IN }
    if readiness.contains(.writable) { mask |= CURL_CSELECT_OUT }
    // Reading tells why the connection failed, after whatever came before that.
    if !readiness.isDisjoint(with: [.failed, .hungUp]) { mask |= CURL_CSELECT_IN }
    act(descriptor, mask)
  }

  private func act(_ descriptor: curl_socket_t, _ mask: Int32) {
    guard let multi else { return }
    if descriptor == CURL_SOCKET_TIMEOUT { deadline = nil }
    var running: Int32 = 0
    curl_multi_socket_action(multi, descriptor, mask, &running)
    if descriptor == CURL_SOCKET_TIMEOUT, deadline == nil {
      // libcurl is silent when its next wish equals its last.
      var milliseconds = -1
      curl_multi_timeout(multi, &milliseconds)
      comeBack(milliseconds)
    }
    finishTransfers(multi)
  }

  // MARK: Ends

  private func finishTransfers(_ multi: CurlHandle) {
    var code = CURLE_OK
    while let easy = ccurl_multi_next_finished(multi, &code) {
      let transfer = transfers[easy]
      // What is to be known of the transfer must be read before its handle leaves.
      let outcome = transfer.map { $0.outcome(code) }
      curl_multi_remove_handle(multi, easy)
      forget(easy)
      if let transfer, let outcome { transfer.end(outcome) }
    }
  }

  /// Ends what libcurl has forgotten: before 8.4 it can lose a transfer's timer (curl#11937), and
  /// the transfer would then never end.
  private func scheduleSweep() {
    sweep = loop.schedule(after: Self.sweepEvery) { [unowned self] in
      let now = MonotonicTime.now()
      for transfer in Array(transfers.values) where transfer.isOverdue(at: now) {
        let outcome = transfer.overdueOutcome
        abort(transfer)
        transfer.end(outcome)
      }
      if transfers.isEmpty { sweep = nil } else { scheduleSweep() }
    }
  }

  private func forget(_ easy: CurlHandle) {
    if let transfer = transfers.removeValue(forKey: easy) {
      transfer.isRunning = false
      transfer.release()
    }
    keep(easy)
  }

  /// Keeps a handle for another transfer, but one that met an error of the system: a reset does not
  /// make libcurl forget that.
  private func keep(_ easy: CurlHandle) {
    let isClean = ccurl_info_long(easy, CURLINFO_OS_ERRNO) == 0
    if isClean, idleHandles.count < limits.idleConnectionsPerLoopMax {
      curl_easy_reset(easy)
      idleHandles.append(easy)
    } else {
      curl_easy_cleanup(easy)
    }
  }
}

/// One of libcurl's descriptors in the loop's epoll set.
private final class CurlSocket: DescriptorHandler {
  let descriptor: curl_socket_t
  unowned let curl: CurlLoop
  var watch: DescriptorWatch?

  init(descriptor: curl_socket_t, curl: CurlLoop) {
    self.descriptor = descriptor
    self.curl = curl
  }

  func descriptorReady(_ readiness: Readiness) {
    curl.ready(descriptor, readiness)
  }
}

/// What must be done once in a process before libcurl is used.
enum CurlGlobal {
  static let initialize: Void = {
    let code = curl_global_init(Int(CURL_GLOBAL_ALL))
    precondition(code == CURLE_OK, "libcurl cannot start: \(CurlText.of(code))")
    // With NOSIGNAL libcurl leaves SIGPIPE to us, and OpenSSL writes without MSG_NOSIGNAL.
    signal(SIGPIPE, SIG_IGN)
  }()
}

/// libcurl's own words for a result.
enum CurlText {
  static func of(_ code: CURLcode) -> String { String(cString: curl_easy_strerror(code)) }
  static func of(_ code: CURLMcode) -> String { String(cString: curl_multi_strerror(code)) }
}
