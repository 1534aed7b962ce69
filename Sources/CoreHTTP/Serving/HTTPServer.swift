package import EventLoops
package import HTTPMessages
import Synchronization

/// An HTTP/1.1 server (RFC 9110, RFC 9112) on a group of event loops. A connection stays on the loop
/// that accepted it: parse, handler and answer all happen on that loop's thread.
package final class HTTPServer: Sendable {
  private struct State {
    var loops: [ServerLoop] = []
    var port: UInt16
  }

  private let handler: any ServerHandler
  private let observer: (any ServerObserver)?
  private let group: EventLoopGroup
  private let host: String
  private let limits: HTTPLimits
  private let census: ConnectionCensus
  private let state: Mutex<State>

  /// - Parameters:
  ///   - handler: answers the requests; a `ServerHandler`, such as `Router`, may answer without a task.
  ///   - host: an address of this machine; `0.0.0.0` or `::` for all.
  ///   - port: 0 for any free one.
  ///   - observer: sees every answer.
  package init(
    handler: any HTTPHandler, group: EventLoopGroup, host: String = "127.0.0.1", port: UInt16,
    limits: HTTPLimits = .init(), observer: (any ServerObserver)? = nil
  ) {
    self.handler = handler as? any ServerHandler ?? SuspendingHandler(handler: handler)
    self.observer = observer
    self.group = group
    self.host = host
    self.limits = limits
    census = ConnectionCensus(max: limits.connectionsMax)
    state = Mutex(State(port: port))
  }

  /// The port; the real one, once started, if 0 was asked for.
  package var port: UInt16 { state.withLock(\.port) }

  /// Connections open now.
  package var connectionCount: Int { census.count }

  /// Listens, with one socket for each loop. To be called once.
  ///
  /// - Throws: `HTTPServerError` if the address cannot be had.
  package func start() async throws(HTTPServerError) {
    let (descriptors, port) = try Listener.open(group.loops.count, host: host, port: port)
    let loops = group.loops.map {
      ServerLoop(loop: $0, handler: handler, observer: observer, limits: limits, census: census)
    }
    state.withLock { $0 = State(loops: loops, port: port) }
    for (loop, descriptor) in zip(loops, descriptors) {
      loop.loop.execute { loop.listen(on: descriptor) }
    }
  }

  /// From now on answers say `Connection: close`, but where more requests are pipelined; connections are
  /// accepted as before. To be called some time before `drain`: clients that keep connections make their
  /// next one elsewhere, though no discovery tells them.
  package func announceEnd() {
    for loop in state.withLock(\.loops) { loop.loop.execute { loop.announceEnd() } }
  }

  /// Ends the server: accepts no more, closes idle connections, says `Connection: close` in every
  /// further answer, and returns when the last connection is closed. One that has sent nothing yet has the time
  /// for its head: a request may be on its way, and a close would answer it with a reset. What is still open
  /// after `limit`, or when this task is cancelled, is cut, and its handler's task cancelled.
  package func drain(within limit: Duration) async {
    let loops = state.withLock(\.loops)
    await withTaskGroup(of: Void.self) { group in
      for loop in loops { group.addTask { await loop.drain(within: limit) } }
    }
  }
}
