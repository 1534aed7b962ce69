import CCurl
package import EventLoops
package import HTTPMessages

/// Sends requests over HTTP/1.1, by libcurl on the event loops.
///
/// A caller on one of the group's loops stays there: the transfer runs on that same loop, and idle
/// connections are kept per loop. It follows no redirect, keeps no cookie, uses no proxy of the
/// environment and repeats nothing, except that libcurl itself sends a request again when a reused
/// connection turns out to be dead: see `HTTPRequest.sendsOnFreshConnection`.
package final class CurlClient: HTTPHandler {
  private let limits: ClientLimits
  private let tls: ClientTLS
  private let reach: Reach
  private let curls: CurlLoops

  /// Which addresses a client connects to.
  package enum Reach: Sendable {
    case anywhere
    /// Public ones alone (`PeerAddress.isPublic`), looked at when connecting: for calls to
    /// addresses that others chose.
    case publicOnly
  }

  /// - Parameters:
  ///   - group: on whose loops transfers run; connections are kept for each of them.
  ///   - tls: for requests whose `isSecure` is true.
  package init(
    group: EventLoopGroup, limits: ClientLimits = .init(), tls: ClientTLS = .init(),
    reach: Reach = .anywhere
  ) {
    self.limits = limits
    self.tls = tls
    self.reach = reach
    curls = CurlLoops(group: group, limits: limits)
  }

  /// Sends `request` to its `authority` and waits for the whole answer. Any status is an answer.
  ///
  /// The authority is `host:port`, or `unix:` and the path of a socket. The request's `timeout`
  /// bounds the whole exchange. `Host`, `Content-Length` and `Transfer-Encoding` are set here.
  ///
  /// - Throws: `HTTPClientError`; `CancellationError` as soon as the task is cancelled, with the
  ///   transfer's connection closed.
  package func handle(_ request: HTTPRequest) async throws -> HTTPResponse {
    let plan = try RequestPlan(request, tls: tls)
    let timeout = request.timeout ?? limits.exchangeTimeout
    guard timeout > .zero else { throw HTTPClientError.timedOut(sent: false) }
    let responseBytesMax = limits.responseBytesMax
    let reach = reach
    let transfer = CurlTransfer(
      limits: limits, timeout: timeout,
      configure: { transfer, easy in
        plan.configure(transfer, easy)
        switch reach {
        case .anywhere: break
        case .publicOnly: transfer.admitPublicAddressesOnly()
        }
      },
      explain: { failure in
        HTTPClientError(failure, timeout: timeout, responseBytesMax: responseBytesMax)
      })
    let reply = try await transfer.perform(on: curls)
    return HTTPResponse(
      HTTPStatus(reply.status), fields: reply.head.httpFields, body: reply.body)
  }
}
