import CPostgres
import EventLoops
import Glibc

/// One attempt to connect, name resolution, handshake and authentication included. Belongs to its
/// loop's thread; ends with exactly one call of its completion.
final class ConnectionAttempt: DescriptorHandler, @unchecked Sendable {
  // @unchecked: touched on the loop's thread alone.
  typealias Completion = (Result<OpaquePointer, PostgresError>) -> Void

  private let loop: EventLoop
  private let configuration: DatabaseConfiguration
  private let prefersWritable: Bool
  private var completion: Completion?
  private var deadline: MonotonicTime
  /// Not tried yet.
  private var places: ArraySlice<ConnectionTarget> = []
  /// Why each that was tried would not do.
  private var reasons: [String] = []
  private var handle: OpaquePointer?
  private var watch: DescriptorWatch?
  private var timer: LoopTimer?

  /// - Parameter prefersWritable: whether of several hosts those that write are tried first, where the
  ///   connection string does not say which are wanted.
  init(
    _ configuration: DatabaseConfiguration, prefersWritable: Bool, loop: EventLoop,
    completion: @escaping Completion
  ) {
    self.configuration = configuration
    self.prefersWritable = prefersWritable
    self.loop = loop
    self.completion = completion
    deadline = .now() + configuration.connectTimeout
  }

  func start() {
    setTimer(configuration.connectTimeout)
    let target = configuration.target
    let prefersWritable = prefersWritable
    guard target.needsResolving else {
      return connect(toOneOf: target.places(writableFirst: prefersWritable))
    }
    Task(executorPreference: loop) { [self] in
      do {
        let places = try await BlockingWork.shared.run {
          try target.resolved().places(writableFirst: prefersWritable)
        }
        connect(toOneOf: places)
      } catch {
        let reason = "the database's host name cannot be resolved"
        finish(.failure(error as? PostgresError ?? .notSent(reason: reason)))
      }
    }
  }

  private func connect(toOneOf places: [ConnectionTarget]) {
    guard completion != nil else { return }
    self.places = places[...]
    connectToNext()
  }

  private func connectToNext() {
    guard let place = places.popFirst() else {
      return finish(.failure(.notSent(reason: reasons.joined(separator: "; "))))
    }
    // An equal share of the time that is left.
    setTimer(max(.zero, deadline - .now()) / (places.count + 1))
    connect(to: place)
  }

  private func connect(to target: ConnectionTarget) {
    var target = target
    if target["application_name"] == nil {
      target["application_name"] = configuration.applicationName
    }
    // Asks for Kerberos credentials, a blocking look-up, unless told not to.
    if target["gssencmode"] == nil { target["gssencmode"] = "disable" }
    target["client_encoding"] = "UTF8"
    target.noticeDeadPeers()
    handle = target.withLibpqArrays { PQconnectStartParams($0, $1, 0) }
    guard let handle, PQstatus(handle) != CONNECTION_BAD else { return failed() }
    watch = loop.watch(PQsocket(handle), for: .writable, handler: self)
  }

  func descriptorReady(_ readiness: Readiness) {
    guard let handle else { return }
    // libpq may close its socket and open another, of the same number even: the old watch ends first.
    watch?.cancel()
    watch = nil
    switch PQconnectPoll(handle) {
    case PGRES_POLLING_OK: finish(.success(handle))
    case PGRES_POLLING_READING:
      watch = loop.watch(PQsocket(handle), for: .readable, handler: self)
    case PGRES_POLLING_WRITING:
      watch = loop.watch(PQsocket(handle), for: .writable, handler: self)
    default: failed()
    }
  }

  private func setTimer(_ limit: Duration) {
    timer?.cancel()
    timer = loop.schedule(after: limit) { [self] in failed(because: "connecting took too long") }
  }

  private func failed() {
    failed(because: handle.map { String(cString: PQerrorMessage($0)) } ?? "out of memory")
  }

  private func failed(because message: String) {
    watch?.cancel()
    watch = nil
    if let handle { PQfinish(handle) }
    handle = nil
    reasons += message.split(separator: "\n").map(String.init)
    connectToNext()
  }

  private func finish(_ result: Result<OpaquePointer, PostgresError>) {
    guard let completion else { return }
    self.completion = nil
    timer?.cancel()
    watch?.cancel()
    handle = nil
    completion(result)
  }
}

extension ConnectionTarget {
  /// Lets the kernel find out that the other end is gone, within half a minute, where nothing else is
  /// chosen. (libpq's documentation, section Parameter Key Words; requests to cancel use the same.)
  fileprivate mutating func noticeDeadPeers() {
    let defaults = [
      "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3",
      "tcp_user_timeout": "25000",
    ]
    for (keyword, value) in defaults where self[keyword] == nil { self[keyword] = value }
  }

  /// Lends the options as libpq takes them: keywords and values, each list ended by NULL.
  func withLibpqArrays<R>(
    _ body: (UnsafePointer<SQL.CStringPointer?>, UnsafePointer<SQL.CStringPointer?>) -> R
  ) -> R {
    let keywords = options.map { strdup($0.keyword) }
    let values = options.map { strdup($0.value) }
    defer { for string in keywords + values { free(string) } }
    let none: [SQL.CStringPointer?] = [nil]
    return body(
      keywords.map { SQL.CStringPointer($0) } + none, values.map { SQL.CStringPointer($0) } + none)
  }
}
