package import EventLoops
import HTTPClient
package import HTTPMessages

/// Calls addresses that others chose, such as merchants' webhooks: public ones alone, looked at
/// when connecting, over connections that carry nothing of ours. It follows no redirect and repeats
/// nothing.
package struct OutwardClient: Sendable {
  /// Why there is no answer.
  package struct Failure: Error, Sendable, CustomStringConvertible {
    package let description: String
    /// False when repeating is of no use.
    package let isTemporary: Bool
  }

  private static let answerBytesMax = 256 * 1024
  private static let callsPerLoopMax = 64

  private let client: CurlClient

  /// - Parameter reachesPrivate: whether private addresses, this machine's included, are called
  ///   too.
  package init(group: EventLoopGroup, reachesPrivate: Bool) {
    var limits = ClientLimits()
    limits.connectTimeout = .seconds(5)
    limits.responseBytesMax = Self.answerBytesMax
    limits.idleConnectionsPerLoopMax = 8
    limits.transfersPerLoopMax = Self.callsPerLoopMax
    client = CurlClient(
      group: group, limits: limits, reach: reachesPrivate ? .anywhere : .publicOnly)
  }

  /// Posts `body`. Any status is an answer.
  ///
  /// - Parameters:
  ///   - authority: `host` or `host:port`.
  ///   - timeout: for the whole exchange.
  /// - Throws: `Failure`; `CancellationError`
  package func post(
    to authority: String, isSecure: Bool, target: String, fields: HTTPFields, body: [UInt8],
    timeout: Duration
  ) async throws -> HTTPResponse {
    var request = HTTPRequest(.post, target, fields: fields, body: body)
    request.authority = authority
    request.isSecure = isSecure
    request.timeout = timeout
    request.sendsOnFreshConnection = true
    do {
      return try await client.handle(request)
    } catch let error as HTTPClientError {
      throw Failure(error)
    }
  }
}

extension OutwardClient.Failure {
  fileprivate init(_ error: HTTPClientError) {
    description = "\(error)"
    isTemporary = if case .badRequest = error { false } else { true }
  }
}
