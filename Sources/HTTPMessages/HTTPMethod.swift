/// The request methods this project knows (RFC 9110 section 9.3, RFC 5789). The raw value is the
/// method as it stands on the wire; methods are case-sensitive.
package enum HTTPMethod: String, Sendable, CaseIterable {
  case get = "GET"
  case head = "HEAD"
  case post = "POST"
  case put = "PUT"
  case patch = "PATCH"
  case delete = "DELETE"
  case options = "OPTIONS"
  case trace = "TRACE"
  case connect = "CONNECT"

  /// The client asks for no change, so a request may be repeated at will (RFC 9110 section 9.2.1).
  package var isSafe: Bool {
    switch self {
    case .get, .head, .options, .trace: true
    case .post, .put, .patch, .delete, .connect: false
    }
  }

  /// Doing it twice has the effect of doing it once (RFC 9110 section 9.2.2).
  package var isIdempotent: Bool {
    switch self {
    case .get, .head, .options, .trace, .put, .delete: true
    case .post, .patch, .connect: false
    }
  }
}
