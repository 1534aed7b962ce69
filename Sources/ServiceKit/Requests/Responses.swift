import Foundation
package import HTTPMessages
package import SharedKernel

extension HTTPResponse {
  /// `value` as JSON.
  ///
  /// - Parameter version: sent as the strong ETag `"v7"`.
  package static func json(
    _ value: some Encodable, status: HTTPStatus = .ok, version: Int? = nil
  ) throws -> HTTPResponse {
    .json(bytes: try JSONEncoding.encode(value), status: status, version: version)
  }

  /// JSON that is written already.
  package static func json(
    bytes: [UInt8], status: HTTPStatus = .ok, version: Int? = nil
  ) -> HTTPResponse {
    var response = HTTPResponse(status, body: bytes)
    response.fields[.contentType] = "application/json"
    if let version { response.fields[.etag] = ETag(version: version).text }
    return response
  }

  /// 204: done, and there is nothing to show.
  package static var noContent: HTTPResponse { HTTPResponse(.noContent) }

  /// 304 for a client that has this already.
  package static func notModified(_ tag: ETag) -> HTTPResponse {
    HTTPResponse(HTTPStatus(304)).adding(.etag, tag.text)
  }

  /// A list as a bare array, with `Link: <...>; rel="next"` (RFC 8288) when there is more.
  package static func page<Element: Encodable>(
    _ page: Page<Element>, of call: Call
  ) throws -> HTTPResponse {
    try json(page.elements).linking(to: page.next, of: call)
  }

  /// With a `Link` to the list's next page, if there is one.
  package consuming func linking(to next: Cursor?, of call: Call) -> HTTPResponse {
    guard let next else { return self }
    return adding(.link, "<\(call.target(after: next))>; rel=\"next\"")
  }

  /// Lets caches keep what anybody may see, for a moment; nothing else may be kept.
  package consuming func publiclyCacheable(for call: Call) -> HTTPResponse {
    call.request.fields.contains(.authorization)
      ? self : adding(.cacheControl, "public, max-age=5")
  }

  /// With that field; it replaces every value of the same name.
  package consuming func adding(_ name: HTTPFieldName, _ value: String) -> HTTPResponse {
    var response = self
    response.fields[name] = value
    return response
  }
}

extension Call {
  /// This request's target with its cursor replaced.
  package func target(after cursor: Cursor) -> String {
    var target = request.path
    var separator = "?"
    for piece in (request.query ?? "").utf8.split(separator: UInt8(ascii: "&"))
    where !piece.starts(with: "cursor=".utf8) {
      target += separator
      target += Substring(piece)
      separator = "&"
    }
    return "\(target)\(separator)cursor=\(cursor)"
  }
}
