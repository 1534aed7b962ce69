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
}
