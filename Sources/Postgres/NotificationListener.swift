import EventLoops

/// The one connection of a process that hears what is told by NOTIFY, for all of its loops. It is open while
/// somebody listens, is asked for a sign of life now and then, and is opened again, after growing
/// pauses, when it was lost.
final class NotificationListener: ConnectionOwner, @unchecked Sendable {
  // @unchecked: touched on the loop's thread alone, but for `listen`, which goes there.

  /// Who may listen at once.
  static let listenersMax = 64

  private final class Listener: Sendable {
    let channel: String
    let stream: AsyncStream<Void>.Continuation

    init(_ channel: String, _ stream: AsyncStream<Void>.Continuation) {
      self.channel = channel
      self.stream = stream
    }
  }

  private let configuration: DatabaseConfiguration
  private let loop: EventLoop
  private let opener: ConnectionOpener
  private var listeners: [Listener] = []
  private var connection: Connection?
  private var isOpening = false
  private var isClosed = false
  /// Of this connection, whose end is a failure, too: one that is lost again at once is not opened at once.
  private var backoff: Backoff
  /// Each LISTEN that has not been answered.
  private var asked: [(channel: String, run: StatementRun)] = []
  private var checkTimer: LoopTimer?

  init(_ configuration: DatabaseConfiguration, loop: EventLoop) {
    self.configuration = configuration
    self.loop = loop
    opener = ConnectionOpener(configuration, loop: loop)
    backoff = Backoff(delays: configuration.reconnectDelay)
  }

  // MARK: From any thread

  /// See `Database.listen`.
  func listen(to channel: String) -> AsyncStream<Void> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let listener = Listener(channel, continuation)
    continuation.onTermination = { [self] _ in loop.execute { self.remove(listener) } }
    loop.execute { self.add(listener) }
    return stream
  }

  /// Ends all streams and the connection.
  func close() {
    loop.execute { [self] in
      isClosed = true
      for listener in listeners { listener.stream.finish() }
    }
  }

  // MARK: Who listens

  private func add(_ listener: Listener) {
    guard !isClosed, configuration.preparedStatements, listeners.count < Self.listenersMax else {
      return listener.stream.finish()
    }
    listeners.append(listener)
    if let connection { ask(for: listener.channel, on: connection) } else { open() }
  }

  private func remove(_ listener: Listener) {
    guard let position = listeners.firstIndex(where: { $0 === listener }) else { return }
    listeners.remove(at: position)
    if listeners.isEmpty {
      connection?.lose("nobody listens")
    } else if !listeners.contains(where: { $0.channel == listener.channel }) {
      connection?.sendAlone(
        StatementRun("UNLISTEN \(identifier: listener.channel)", kind: .control))
    }
  }

  private func tell(_ channel: String) {
    for listener in listeners where listener.channel == channel { listener.stream.yield() }
  }

  // MARK: The connection

  private func open() {
    guard connection == nil, !isOpening, !listeners.isEmpty, backoff.isOver(at: .now()) else {
      return
    }
    isOpening = true
    opener.open { [self] in opened($0) }
  }

  private func opened(_ result: Result<Connection, PostgresError>) {
    isOpening = false
    switch result {
    case .success(let connection):
      connection.owner = self
      guard !listeners.isEmpty else { return connection.lose("nobody listens") }
      self.connection = connection
      checkLater()
      for channel in Set(listeners.map(\.channel)) { ask(for: channel, on: connection) }
    case .failure(let error): openLater(because: error.reason)
    }
  }

  private func openLater(because reason: String) {
    backoff.failed(at: .now(), because: reason, jitter: .random(in: 0.5...1))
    loop.schedule(after: backoff.until - .now()) { [self] in open() }
  }

  private func ask(for channel: String, on connection: Connection) {
    let run = StatementRun("LISTEN \(identifier: channel)", kind: .control)
    asked.append((channel, run))
    connection.sendAlone(run)
  }

  func connectionDrained(_ connection: Connection) {
    let answered = asked
    asked = []
    for (channel, run) in answered {
      guard run.error == nil else { return connection.lose("the server does not let us listen") }
      tell(channel)
    }
    backoff.succeeded()
  }

  /// A standby lets nobody listen: the next connection looks for the primary.
  func connectionRefusedToWrite(_ connection: Connection) {
    opener.metReadOnlyServer()
  }

  func connectionNotified(channel: String) {
    tell(channel)
  }

  func connectionLost(_ connection: Connection, reason: String, unanswered: [StatementRun]) {
    self.connection = nil
    asked = []
    checkTimer?.cancel()
    if !listeners.isEmpty { openLater(because: reason) }
  }

  // MARK: Time

  private func checkLater() {
    checkTimer = loop.schedule(after: configuration.listenCheckInterval) { [self] in check() }
  }

  /// Nothing is ever under way for as long as from one check to the next, unless the other end is gone.
  private func check() {
    guard let connection else { return }
    guard connection.isDrained else { return connection.lose("no answer in time") }
    guard !connection.isOld(at: loop.now) else { return connection.lose("replaced") }
    checkLater()
    connection.sendAlone(StatementRun("SELECT 1", kind: .control))
  }
}

extension Database {
  /// What is told on `channel` by `notify`, of this process or of others.
  ///
  /// Each element says that there may be something new, not what or how much; those that nobody has taken yet
  /// are one. There is one when listening has begun, and one each time that it was interrupted: what was told
  /// in between is not told later. So look once for each element, and after a while without one.
  ///
  /// The stream ends when its task is cancelled or the database is closed; at once where nobody can listen,
  /// since a proxy changes the connection (`preparedStatements` off), and beyond
  /// `NotificationListener.listenersMax`.
  ///
  /// - Parameter channel: at most 63 bytes.
  package func listen(to channel: String) -> AsyncStream<Void> {
    precondition(channel.utf8.count < 64, "PostgreSQL cuts longer names")
    return listener.listen(to: channel)
  }

  /// Tells everybody who listens to `channel`, once it is committed; nobody where nobody can listen.
  ///
  /// Not for a transaction that others wait for: those that tell are committed one after another.
  ///
  /// - Throws: as `query`.
  package nonisolated(nonsending) func notify(_ channel: String) async throws {
    guard hasSessions else { return }
    try await execute("NOTIFY \(identifier: channel)")
  }
}
