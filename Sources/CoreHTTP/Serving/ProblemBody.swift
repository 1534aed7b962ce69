package import HTTPMessages

/// The body of the server's own refusals: RFC 9457 problem details of type `about:blank`.
package enum ProblemBody {
  /// An answer with such a body.
  ///
  /// - Parameter detail: what was wrong, for the client's author; nothing taken from the request and
  ///   nothing that JSON would have to escape.
  package static func response(_ status: HTTPStatus, detail: String? = nil) -> HTTPResponse {
    var json = "{\"type\":\"about:blank\",\"title\":\"\(status.reason)\",\"status\":\(status.code)"
    if let detail { json += ",\"detail\":\"\(detail)\"" }
    return HTTPResponse(
      status, fields: [.contentType: "application/problem+json"], body: Array((json + "}").utf8))
  }
}
