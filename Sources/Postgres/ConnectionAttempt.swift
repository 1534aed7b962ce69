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
  private var completion: Completion?
  private var handle: OpaquePointer?
  private var watch: DescriptorWatch?
  private var timer: LoopTimer?

  init(_ configuration: DatabaseConfiguration, loop: EventLoop, completion: @escaping Completion) {
    self.configuration = configuration
    self.loop = loop
    self.completion = completion
  }

  func start() {
    timer = loop.schedule(after: configuration.connectTimeout) { [self] in
      finish(.failure(.notSent(reason: "connecting took too long")))
    }
    let target = configuration.target
    guard target.needsResolving else { return connect(to: target) }
    Task(executorPreference: loop) { [self] in
      do {
        connect(to: try await BlockingWork.shared.run { try target.resolved() })
      } catch {
        let reason = "the database's host name cannot be resolved"
        finish(.failure(error as? PostgresError ?? .notSent(reason: reason)))
      }
    }
  }

  private func connect(to target: ConnectionTarget) {
    guard completion != nil else { return }
    var target = target
    if target["application_name"] == nil {
      target["application_name"] = configuration.applicationName
    }
    // Asks for Kerberos credentials, a blocking look-up, unless told not to.
    if target["gssencmode"] == nil { target["gssencmode"] = "disable" }
    target["client_encoding"] = "UTF8"
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

  private func failed() {
    let message = handle.map { String(cString: PQerrorMessage($0)) } ?? "out of memory"
    // One line for each host that was tried.
    let reason = message.split(separator: "\n").joined(separator: "; ")
    finish(.failure(.notSent(reason: reason)))
  }

  private func finish(_ result: Result<OpaquePointer, PostgresError>) {
    guard let completion else { return }
    self.completion = nil
    timer?.cancel()
    watch?.cancel()
    if case .failure = result, let handle { PQfinish(handle) }
    handle = nil
    completion(result)
  }
}

extension ConnectionTarget {
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
