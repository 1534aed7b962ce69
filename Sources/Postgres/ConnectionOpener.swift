import EventLoops

/// Opens the connections of one lane, with growing pauses while the server does not let it.
final class ConnectionOpener {
  /// The parts of `connectionAgeMax` that connections get.
  private static let ageJitter = 0.9...1.1

  private let configuration: DatabaseConfiguration
  private let loop: EventLoop
  private var backoff: Backoff
  /// Of several hosts those that write are tried before the others.
  private var prefersWritable = false

  static let onlyReads = "the database server only reads"

  init(_ configuration: DatabaseConfiguration, loop: EventLoop) {
    self.configuration = configuration
    self.loop = loop
    backoff = Backoff(delays: configuration.reconnectDelay)
  }

  /// Why no attempt may be made now; nil when one may.
  var refusal: PostgresError? {
    backoff.isOver(at: .now()) ? nil : .notSent(reason: backoff.reason)
  }

  /// Begins an attempt. `completion` runs later, on the loop.
  func open(_ completion: @escaping (Result<Connection, PostgresError>) -> Void) {
    let preparedMax = configuration.preparedStatements ? configuration.preparedStatementsMax : 0
    ConnectionAttempt(configuration, prefersWritable: prefersWritable, loop: loop) {
      [self] result in
      switch result {
      case .success: backoff.succeeded()
      case .failure(let error):
        backoff.failed(
          at: .now(), because: error.reason, jitter: .random(in: 0.5...1))
      }
      completion(
        result.map { handle in
          let connection = Connection(
            handle: handle, loop: loop, preparedStatementsMax: preparedMax)
          connection.replaceAt =
            .now() + configuration.connectionAgeMax * Double.random(in: Self.ageJitter)
          return connection
        })
    }.start()
  }

  /// A server that had let us in refused to write (25006). The next attempt is made after a pause, as
  /// after a failed one: the same server may be all that there is.
  func metReadOnlyServer() {
    prefersWritable = true
    backoff.failed(at: .now(), because: Self.onlyReads, jitter: .random(in: 0.5...1))
  }
}

/// When the next attempt may be made: pauses double from the first to the longest.
struct Backoff {
  let delays: ClosedRange<Duration>
  private(set) var reason = ""
  private var next: Duration
  private(set) var until = MonotonicTime(nanoseconds: .min)

  init(delays: ClosedRange<Duration>) {
    self.delays = delays
    next = delays.lowerBound
  }

  func isOver(at now: MonotonicTime) -> Bool {
    now >= until
  }

  /// - Parameter jitter: the part of the pause that is made, 0 through 1, so that many clients do
  ///   not come back together.
  mutating func failed(at now: MonotonicTime, because reason: String, jitter: Double) {
    self.reason = reason
    until = now + next * jitter
    next = min(next * 2, delays.upperBound)
  }

  mutating func succeeded() {
    self = Backoff(delays: delays)
  }
}

extension PostgresError {
  /// The reason why a connection is not there.
  var reason: String {
    switch self {
    case .notSent(let reason), .connectionLost(let reason), .unknownOutcome(let reason): reason
    default: description
    }
  }
}
