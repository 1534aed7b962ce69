package import CoreHTTP
package import HTTPMessages
package import JSONSyntax
package import SharedKernel

/// One request as a route's handler sees it: authenticated, with its path matched, not yet decoded.
package struct Call: Sendable {
  /// As it came; its body is not looked at yet.
  package let request: HTTPRequest
  /// What the path gives to the pattern's names; `parameter` reads one.
  package let parameters: PathParameters
  /// The route's pattern (`/products/{id}`).
  package let pattern: String
  /// Admitted by the route already. `.anonymous` also where a token is not looked at.
  package let caller: Caller
  /// The caller's `X-Request-Id` if it is 8 to 64 letters, digits and hyphens, else made here.
  package let requestID: String
  /// Given by the client, or made for it; nil where the route takes none.
  package let idempotencyKey: String?
  let kit: RequestKit

  // MARK: Input

  /// - Throws: `NotFound` for text that is no such value: there is nothing at that path.
  package func parameter<Value: LosslessStringConvertible>(
    _ name: String, as type: Value.Type = Value.self
  ) throws -> Value {
    guard let text = parameters[name], let value = Value(text) else {
      throw NotFound("resource")
    }
    return value
  }

  /// Decodes the body, strictly: `application/json` in UTF-8, no unknown member.
  ///
  /// - Throws: `Problem` 415 or 400, or `ValidationFailure` with a pointer to each fault.
  package func json<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
    try requireJSON()
    do {
      return try JSONDecoding.decode(type, from: request.body)
    } catch let error as JSONParseError {
      throw Problem(.malformedRequest, error.explanation)
    }
  }

  /// The body as a tree, for what is not one fixed shape (merge patches, RFC 7396).
  package func jsonValue() throws -> JSONValue {
    try requireJSON()
    do {
      return try JSONParser.parse(request.body)
    } catch {
      throw Problem(.malformedRequest, error.explanation)
    }
  }

  private func requireJSON() throws(Problem) {
    guard let type = request.fields[.contentType] else {
      if request.body.isEmpty { throw Problem(.malformedRequest, "The request has no body.") }
      throw Problem(.unsupportedMediaType, "Send Content-Type: application/json.")
    }
    let parts = type.lowercased().split(separator: ";").map { $0.trimmed }
    let isJSON =
      parts.first == "application/json" || parts.first == "application/merge-patch+json"
    let charset = parts.dropFirst().first { $0.hasPrefix("charset=") }
    guard isJSON, charset == nil || charset == "charset=utf-8" || charset == "charset=\"utf-8\""
    else { throw Problem(.unsupportedMediaType, "Send application/json in UTF-8.") }
  }

  /// The query, of which only `names` are known.
  ///
  /// - Throws: `ValidationFailure` for other names and for one given twice; `Problem` 400 for bad
  ///   escapes.
  package func query(_ names: Set<String> = []) throws -> QueryParameters {
    try QueryParameters(request, known: names)
  }

  // MARK: Whom it is for

  /// Whose idempotency keys count: `user:…`, `service:…` or `anon`.
  package var principal: String { caller.principal }

  /// The client's address, as far as it is known; see `TrustedProxies`.
  package var clientAddress: PeerAddress? { kit.proxies.client(of: request) }

  /// `X-Access-Token`: what a guest shows instead of signing in.
  package var accessToken: String? { request.fields["X-Access-Token"] }

  /// How long the client would wait for a final answer (`Prefer: wait=N`, RFC 7240 section 4.3):
  /// `standard` when it does not say, at most 10 s.
  package func waitPreference(standard: Duration) -> Duration {
    for value in request.fields.values(.prefer) {
      for part in value.split(separator: ",") {
        let preference = part.prefix { $0 != ";" }  // without its parameters
        let pair = preference.split(separator: "=", maxSplits: 1).map { $0.trimmed }
        if pair.count == 2, pair[0].lowercased() == "wait", let seconds = Int(pair[1]) {
          return .seconds(min(max(seconds, 0), 10))
        }
      }
    }
    return standard
  }

  // MARK: Conditions (RFC 9110 section 13)

  /// Requires `If-Match` to name `version`.
  ///
  /// - Throws: `Problem` 428 without the field, 412 when it names another version.
  package func requireMatch(version: Int) throws(Problem) {
    guard let field = request.fields[.ifMatch] else {
      throw Problem(
        .preconditionRequired, "Send If-Match with the version's ETag.",
        members: ["currentVersion": .number(Int64(version))])
    }
    try check(field, version)
  }

  /// Honours `If-Match` when it is there.
  package func checkMatch(version: Int) throws(Problem) {
    if let field = request.fields[.ifMatch] { try check(field, version) }
  }

  private func check(_ field: String, _ version: Int) throws(Problem) {
    guard field.trimmed == "*" || ETag.list(field).contains(where: { $0.names(version) }) else {
      throw Problem(
        .preconditionFailed, "This is at version \(version).",
        members: ["currentVersion": .number(Int64(version))])
    }
  }

  /// True when `If-None-Match` says that the client has this version already.
  package func clientHas(version: Int) -> Bool {
    guard let field = request.fields[.ifNoneMatch] else { return false }
    return field.trimmed == "*" || ETag.list(field).contains { $0.names(version) }
  }
}

extension JSONParseError {
  var explanation: String {
    switch self {
    case .malformed(let offset): "The body is no valid JSON at byte \(offset)."
    case .tooDeep: "The body is nested deeper than \(JSONReader.depthMax)."
    case .duplicateMember(let name): "The body has the member \"\(name)\" twice."
    case .unexpected(let offset): "The body has another type of value at byte \(offset)."
    case .unknownMember(let name): "The member \"\(name)\" is not known here."
    case .memberMissing(let offset): "An object lacks a member; it ends at byte \(offset)."
    }
  }
}

extension StringProtocol {
  /// Without spaces and tabs at its ends.
  var trimmed: String {
    var view = Substring(self)
    while let first = view.first, first == " " || first == "\t" { view.removeFirst() }
    while let last = view.last, last == " " || last == "\t" { view.removeLast() }
    return String(view)
  }
}
