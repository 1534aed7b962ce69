/// Takes a request and answers it: the one shape that servers, routers, middleware and clients share,
/// so that a client can be tested against the router of the service it calls, without a socket.
///
/// A server's handler answers every failure it foresees by a response; what it throws becomes a 500
/// that says nothing more. A client throws when it has no answer to give. The task of a request whose
/// client has gone is cancelled.
package protocol HTTPHandler: Sendable {
  func handle(_ request: HTTPRequest) async throws -> HTTPResponse
}
