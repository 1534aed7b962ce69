import CCurl
import HTTPMessages

/// A request as libcurl takes it: checked and laid out before the loop is troubled with it.
struct RequestPlan: Sendable {
  private let request: HTTPRequest
  private let tls: ClientTLS
  private let url: String
  private let socketPath: String?
  /// libcurl's `HOST:PORT:CONNECT-TO-HOST:CONNECT-TO-PORT`, where the certificate's name is not the
  /// host's.
  private let connectTo: String?
  private let headerLines: [String]

  /// - Throws: `HTTPClientError.badRequest` for what could become another request on the wire.
  init(_ request: HTTPRequest, tls: ClientTLS) throws(HTTPClientError) {
    guard let authority = request.authority else { throw .badRequest("no authority") }
    guard Self.isTarget(request.target) else { throw .badRequest("target \(request.target)") }
    switch request.method {
    case .connect, .trace: throw .badRequest("method \(request.method.rawValue)")
    case .get, .head, .post, .put, .patch, .delete, .options: break
    }
    self.request = request
    self.tls = tls
    var host = authority
    var connectTo: String?
    if authority.hasPrefix("unix:") {
      socketPath = String(authority.dropFirst("unix:".count))
      host = "localhost"
    } else {
      guard Self.isAuthority(authority) else { throw .badRequest("authority \(authority)") }
      socketPath = nil
      if request.isSecure, let name = tls.serverName {
        let colon = authority.lastIndex(of: ":") ?? authority.endIndex
        let port = authority[colon...].dropFirst()
        host = name + authority[colon...]
        connectTo = "\(name):\(port):\(authority[..<colon]):\(port)"
      }
    }
    self.connectTo = connectTo
    url = (request.isSecure ? "https://" : "http://") + host + request.target
    headerLines = Self.headerLines(of: request)
  }

  func configure(_ transfer: CurlTransfer, _ easy: CurlHandle) {
    ccurl_set_string(easy, CURLOPT_URL, url)
    ccurl_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
    ccurl_set_long(easy, CURLOPT_PATH_AS_IS, 1)
    ccurl_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
    ccurl_set_long(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
    if let socketPath { ccurl_set_string(easy, CURLOPT_UNIX_SOCKET_PATH, socketPath) }
    if let connectTo { transfer.setList(CURLOPT_CONNECT_TO, [connectTo]) }
    if request.isSecure { tls.configure(easy) }
    if request.sendsOnFreshConnection {
      ccurl_set_long(easy, CURLOPT_FRESH_CONNECT, 1)
      ccurl_set_long(easy, CURLOPT_FORBID_REUSE, 1)
    }
    transfer.setList(CURLOPT_HTTPHEADER, headerLines)
    configureMethod(easy)
  }

  private func configureMethod(_ easy: CurlHandle) {
    switch request.method {
    case .head where request.body.isEmpty:
      ccurl_set_long(easy, CURLOPT_NOBODY, 1)
    case .get where request.body.isEmpty:
      ccurl_set_long(easy, CURLOPT_HTTPGET, 1)
    case .delete where request.body.isEmpty, .options where request.body.isEmpty:
      ccurl_set_string(easy, CURLOPT_CUSTOMREQUEST, request.method.rawValue)
    case .get, .head, .post, .put, .patch, .delete, .options, .trace, .connect:
      _ = request.body.withUnsafeBytes {
        ccurl_set_body(easy, $0.baseAddress, curl_off_t($0.count))
      }
      ccurl_set_string(easy, CURLOPT_CUSTOMREQUEST, request.method.rawValue)
      if request.method == .head { ccurl_set_long(easy, CURLOPT_NOBODY, 1) }
    }
  }

  // MARK: Checks

  /// Origin-form, and nothing that would end the request line or that libcurl would cut off.
  private static func isTarget(_ target: String) -> Bool {
    target.utf8.first == UInt8(ascii: "/")
      && target.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }
  }

  /// A name or an address, and perhaps a port: no user, no path.
  private static func isAuthority(_ authority: String) -> Bool {
    !authority.isEmpty
      && authority.utf8.allSatisfy {
        PercentEncoding.isUnreserved($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "[")
          || $0 == UInt8(ascii: "]")
      }
  }

  /// libcurl's form of the fields: `Name: value`, `Name;` for an empty value, `Name:` for none of a
  /// field that libcurl would add.
  private static func headerLines(of request: HTTPRequest) -> [String] {
    var lines = ["Expect:"]
    if !request.fields.contains(.contentType) { lines.append("Content-Type:") }
    if !request.fields.contains(.accept) { lines.append("Accept:") }
    request.fields.forEach { name, value in
      switch name.lowercased() {
      case "host", "content-length", "transfer-encoding", "expect": break
      default: lines.append(value.isEmpty ? "\(name);" : "\(name): \(value)")
      }
    }
    return lines
  }
}
