import CCurl
import EventLoops
import Glibc
import HTTPMessages

/// What libcurl brought back.
struct CurlReply: Sendable {
  /// The last status or reply code; 0 if none came.
  var status = 0
  var head = ResponseHead()
  var body: [UInt8] = []
  /// SMTP: the latest reply line that refuses.
  var refusal = ""
}

/// What is known of a transfer at its end, for telling what its failure means.
struct CurlFailure {
  let code: CURLcode
  let reply: CurlReply
  /// Bytes of the request, or of the mail's commands, that have left.
  let requestBytes: Int
  /// Bytes of the upload that have left.
  let uploadBytes: Int
  let elapsed: Duration
  let systemError: Int32
  let isTooLarge: Bool
  /// An address was not one that the client may connect to.
  let isAddressRefused: Bool
}

/// One transfer of libcurl, from its set-up to the resumption of the task that waits for it.
///
/// Belongs to its loop's thread; only `perform` is called elsewhere.
final class CurlTransfer: @unchecked Sendable {
  // @unchecked: made by one task, then touched on the loop's thread alone.

  private(set) var easy: CurlHandle?
  var isRunning = false
  /// Replies are SMTP's lines, of which those that refuse are kept, instead of a response head.
  var speaksSMTP = false

  private let limits: ClientLimits
  private let timeout: Duration
  private var overdueFrom = MonotonicTime(nanoseconds: .max)
  private let configure: @Sendable (CurlTransfer, CurlHandle) throws -> Void
  private let explain: @Sendable (CurlFailure) -> any Error
  private var continuation: CheckedContinuation<CurlReply, any Error>?
  private var isEnded = false

  private var lists: [UnsafeMutablePointer<curl_slist>] = []
  private var reply = CurlReply()
  private var isTooLarge = false
  private var isAddressRefused = false
  private var upload: [UInt8] = []
  private var uploadPosition = 0

  /// - Parameters:
  ///   - timeout: of the whole transfer, which libcurl holds to; the loop does if libcurl should
  ///     not.
  ///   - configure: sets every option but the limits; may throw to refuse.
  ///   - explain: tells what a failure means.
  init(
    limits: ClientLimits, timeout: Duration,
    configure: @escaping @Sendable (CurlTransfer, CurlHandle) throws -> Void,
    explain: @escaping @Sendable (CurlFailure) -> any Error
  ) {
    self.limits = limits
    self.timeout = timeout
    self.configure = configure
    self.explain = explain
  }

  /// Runs the transfer on the caller's loop, or on the next in turn for a caller on none. The calling
  /// task stays where it is.
  ///
  /// - Throws: `CancellationError` as soon as the task is cancelled; the connection is closed then.
  func perform(on curls: CurlLoops) async throws -> CurlReply {
    defer { withExtendedLifetime(curls) {} }  // which closes when it goes
    let curl = curls.preferred
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        curl.loop.execute { self.begin(continuation, on: curl) }
      }
    } onCancel: {
      curl.loop.execute { self.cancel(on: curl) }
    }
  }

  private func begin(_ continuation: CheckedContinuation<CurlReply, any Error>, on curl: CurlLoop) {
    guard !isEnded else { return continuation.resume(throwing: CancellationError()) }
    self.continuation = continuation
    do {
      try curl.start(self)
    } catch {
      end(.failure(error))
    }
  }

  private func cancel(on curl: CurlLoop) {
    guard !isEnded else { return }
    curl.abort(self)
    end(.failure(CancellationError()))
  }

  /// Resumes the waiting task.
  func end(_ outcome: Result<CurlReply, any Error>) {
    isEnded = true
    let continuation = continuation
    self.continuation = nil
    continuation?.resume(with: outcome)
  }

  // MARK: On a handle

  /// Sets every option of this transfer on a handle that has none.
  func prepare(_ easy: CurlHandle) throws {
    self.easy = easy
    overdueFrom = MonotonicTime.now() + timeout + Self.overdueTolerance
    ccurl_set_long(easy, CURLOPT_TIMEOUT_MS, timeout.wholeMilliseconds)
    ccurl_set_long(easy, CURLOPT_NOSIGNAL, 1)
    // A transfer that ends while its host is looked up leaves that thread behind to end by itself;
    // otherwise libcurl would wait for it, and the loop with it.
    ccurl_set_long(easy, CURLOPT_QUICK_EXIT, 1)
    ccurl_set_close_on_exec(easy)
    ccurl_set_string(easy, CURLOPT_PROXY, "")  // no http_proxy of the environment
    ccurl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, limits.connectTimeout.wholeMilliseconds)
    ccurl_set_long(easy, CURLOPT_MAXAGE_CONN, limits.connectionIdleMax.wholeMilliseconds / 1000)
    let context = Unmanaged.passUnretained(self).toOpaque()
    ccurl_set_receivers(
      easy,
      { bytes, size, count, context in
        CurlTransfer.from(context).receiveHeadLine(bytes!, size * count)
      },
      { bytes, size, count, context in
        CurlTransfer.from(context).receiveBody(bytes!, size * count)
      }, context)
    try configure(self, easy)
  }

  /// Whether libcurl should have ended it long ago.
  func isOverdue(at now: MonotonicTime) -> Bool { now >= overdueFrom }

  /// What came of a transfer that is overdue. libcurl's own reading of its time is of when it last
  /// ran.
  var overdueOutcome: Result<CurlReply, any Error> {
    outcome(CURLE_OPERATION_TIMEDOUT, elapsedMin: timeout)
  }

  /// Reads what came of the transfer, while it still has its handle.
  func outcome(
    _ code: CURLcode, elapsedMin: Duration = .zero
  ) -> Result<CurlReply, any Error> {
    guard let easy else { return .failure(CancellationError()) }
    reply.status = ccurl_info_long(easy, CURLINFO_RESPONSE_CODE)
    if code == CURLE_OK { return .success(reply) }
    return .failure(
      explain(
        CurlFailure(
          code: code, reply: reply,
          requestBytes: ccurl_info_long(easy, CURLINFO_REQUEST_SIZE),
          uploadBytes: Int(ccurl_info_size(easy, CURLINFO_SIZE_UPLOAD_T)),
          elapsed: max(
            elapsedMin, .microseconds(ccurl_info_size(easy, CURLINFO_TOTAL_TIME_T))),
          systemError: Int32(truncatingIfNeeded: ccurl_info_long(easy, CURLINFO_OS_ERRNO)),
          isTooLarge: isTooLarge, isAddressRefused: isAddressRefused)))
  }

  /// Gives up the handle and what it pointed to. The handle must have left the multi handle.
  func release() {
    easy = nil
    for list in lists { curl_slist_free_all(list) }
    lists = []
  }

  /// Sets an option that takes a list of strings; the list lives as long as the transfer.
  func setList(_ option: CURLoption, _ strings: [String]) {
    var list: UnsafeMutablePointer<curl_slist>?
    for string in strings { list = curl_slist_append(list, string) }
    guard let easy, let list else { return }
    lists.append(list)
    ccurl_set_pointer(easy, option, list)
  }

  /// Lets the transfer connect to public addresses alone; see `PeerAddress.isPublic`. Asked about
  /// the address itself, after its name was looked up: what a name meant before is of no use.
  func admitPublicAddressesOnly() {
    guard let easy else { return }
    ccurl_set_socket_opener(
      easy,
      { context, _, address in
        CurlTransfer.from(context).openPublicSocket(address!)
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  /// Uploads `bytes`, from the beginning again if libcurl must.
  func setUpload(_ bytes: [UInt8]) {
    guard let easy else { return }
    upload = bytes
    uploadPosition = 0
    ccurl_set_size(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(bytes.count))
    ccurl_set_upload(
      easy,
      { buffer, size, count, context in
        CurlTransfer.from(context).giveUpload(buffer!, size * count)
      },
      { context, offset, origin in
        CurlTransfer.from(context).seekUpload(offset, origin)
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  // MARK: libcurl's calls

  /// What libcurl may be late with a timeout, for whichever reason.
  private static let overdueTolerance: Duration = .milliseconds(500)

  private static func from(_ context: UnsafeMutableRawPointer?) -> CurlTransfer {
    // The loop keeps the transfer for as long as libcurl has its handle.
    Unmanaged<CurlTransfer>.fromOpaque(context!).takeUnretainedValue()
  }

  private func openPublicSocket(_ address: UnsafePointer<curl_sockaddr>) -> curl_socket_t {
    // Read where it is: an IPv6 address is longer than the struct's member for it.
    let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) ?? 0
    let place = (UnsafeRawPointer(address) + offset).assumingMemoryBound(to: sockaddr.self)
    guard PeerAddress(socketAddress: place)?.isPublic == true else {
      isAddressRefused = true
      return CURL_SOCKET_BAD
    }
    return ccurl_open_socket(address)
  }

  /// - Returns: `count`, or less to make libcurl give up.
  private func receiveHeadLine(_ bytes: UnsafeMutablePointer<CChar>, _ count: Int) -> Int {
    guard reply.head.byteCount + count <= limits.responseHeadBytesMax else {
      isTooLarge = true
      return 0
    }
    let line = UnsafeRawBufferPointer(start: bytes, count: count)
    if speaksSMTP {
      if line.first == UInt8(ascii: "4") || line.first == UInt8(ascii: "5") {
        reply.refusal = String(decoding: line.filter { $0 >= 0x20 }, as: UTF8.self)
      }
    } else {
      reply.head.add(line: line)
    }
    return count
  }

  private func receiveBody(_ bytes: UnsafeMutablePointer<CChar>, _ count: Int) -> Int {
    guard reply.body.count + count <= limits.responseBytesMax else {
      isTooLarge = true
      return 0
    }
    reply.body.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
    return count
  }

  private func giveUpload(_ buffer: UnsafeMutablePointer<CChar>, _ capacity: Int) -> Int {
    let count = min(capacity, upload.count - uploadPosition)
    upload.withUnsafeBytes { bytes in
      UnsafeMutableRawBufferPointer(start: buffer, count: capacity)
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[uploadPosition...].prefix(count)))
    }
    uploadPosition += count
    return count
  }

  private func seekUpload(_ offset: curl_off_t, _ origin: Int32) -> Int32 {
    guard origin == SEEK_SET, offset >= 0, Int(offset) <= upload.count else {
      return CURL_SEEKFUNC_CANTSEEK
    }
    uploadPosition = Int(offset)
    return CURL_SEEKFUNC_OK
  }
}

extension Duration {
  /// Milliseconds, rounded up so that a limit above zero never becomes libcurl's 0, "none".
  var wholeMilliseconds: Int {
    Int(
      clamping: max(1, (wholeNanoseconds.addingReportingOverflow(999_999).partialValue) / 1_000_000)
    )
  }
}
