package import HTTPMessages

/// Why the server will not serve what it received. The status and the reason are sent, then the
/// connection ends: after such an error nobody knows where the next request begins.
package struct Refusal: Error, Equatable {
  /// 400, or the 4xx or 5xx that names the limit or the rule.
  package let status: HTTPStatus
  /// One sentence for whoever wrote the client. Says nothing of what the server holds.
  package let reason: String

  /// - Parameter reason: one sentence, as sent.
  package init(_ status: HTTPStatus, _ reason: String) {
    self.status = status
    self.reason = reason
  }

  static func malformed(_ reason: String) -> Refusal { Refusal(.badRequest, reason) }

  static let bareLineEnd = malformed("A line ends in CR LF, nothing else.")
  static let unknownMethod = Refusal(.notImplemented, "The method is not known here.")
  static let requestLineTooLong = Refusal(.uriTooLong, "The request line is too long.")
  static let fieldsTooLarge = Refusal(
    .requestHeaderFieldsTooLarge, "The fields are too long or too many.")
  static let bodyTooLarge = Refusal(.contentTooLarge, "The body is too large.")
}
