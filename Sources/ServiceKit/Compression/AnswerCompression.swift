import EventLoops
import HTTPMessages

/// Sends larger text as gzip to clients that ask for it. A compressed form has an entity tag of its
/// own, `"v7-gzip"` for `"v7"`, since a strong one names bytes (RFC 9110 section 8.8.3.3).
struct AnswerCompression {
  /// A smaller body fits into one packet anyway.
  static let bodyBytesMin = 1400
  /// Compressing this much takes about a millisecond, as long as a loop may be kept from its others;
  /// more of it is done beside the loops.
  static let bodyBytesOnLoopMax = 128 * 1024

  private let compressors = GzipCompressors()

  /// Whether `apply` may have anything to do: what most answers are asked before they wait for it.
  static func concerns(_ response: HTTPResponse) -> Bool {
    response.body.count >= bodyBytesMin || response.status == .notModified
  }

  func apply(to response: inout HTTPResponse, for request: HTTPRequest) async {
    guard response.status != .notModified else { return nameForm(of: &response, request) }
    guard Self.mayCompress(response) else { return }
    // Of the other form too, or a cache would give it to everybody.
    Self.addVary(to: &response)
    guard AcceptEncoding(request.fields).prefersGzip,
      let compressed = await compress(response.body)
    else { return }
    response.body = compressed
    response.fields[.contentEncoding] = "gzip"
    if let tag = response.fields[.etag] { response.fields[.etag] = ETag.compressed(tag) }
  }

  /// A client that has the compressed form is told that this is still good. `Vary` is there as in the answer
  /// with the body, whose length nobody knows here (RFC 9110 section 15.4.5).
  private func nameForm(of response: inout HTTPResponse, _ request: HTTPRequest) {
    guard let tag = response.fields[.etag] else { return }
    Self.addVary(to: &response)
    guard let known = request.fields[.ifNoneMatch] else { return }
    let compressed = ETag.compressed(tag)
    guard ETag.list(known).contains(where: { $0.text == compressed }) else { return }
    response.fields[.etag] = compressed
  }

  private func compress(_ body: [UInt8]) async -> [UInt8]? {
    guard body.count > Self.bodyBytesOnLoopMax else { return compressors.compress(body) }
    do {
      return try await BlockingWork.shared.run { [compressors] in compressors.compress(body) }
    } catch {
      return nil  // No thread is free: as it is, then.
    }
  }

  private static func mayCompress(_ response: HTTPResponse) -> Bool {
    response.body.count >= bodyBytesMin && !response.status.forbidsContent
      && response.status.code != 206 && !response.fields.contains(.contentEncoding)
      && response.fields[.contentType].map(isText) == true
  }

  /// JSON and other text shrinks; pictures and archives are compressed already.
  private static func isText(_ type: String) -> Bool {
    if type == "application/json" { return true }
    let type = type.prefix { $0 != ";" }.trimmed.lowercased()
    return type.hasPrefix("text/") || type.hasSuffix("+json") || type.hasSuffix("+xml")
      || ["application/json", "application/yaml", "application/xml"].contains(type)
  }

  private static func addVary(to response: inout HTTPResponse) {
    let others = response.fields[.vary].map { $0 + ", " } ?? ""
    response.fields[.vary] = others + HTTPFieldName.acceptEncoding.text
  }
}
