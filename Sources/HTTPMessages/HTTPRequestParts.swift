/// What an `HTTPRequest` is made of. Not for use outside of it: the name is known to other modules
/// only so that they can copy a request without a call.
package final class HTTPRequestParts {
  // Unchecked for overlapping accesses: these are values behind the interface of one, and looking
  // at each access costs more than some parsers.
  @exclusivity(unchecked) var method: HTTPMethod
  @exclusivity(unchecked) var fields = HTTPFields()
  @exclusivity(unchecked) var body: [UInt8] = []
  @exclusivity(unchecked) var peer: PeerAddress?
  @exclusivity(unchecked) var authority: String?
  @exclusivity(unchecked) var isSecure = false
  @exclusivity(unchecked) var timeout: Duration?
  @exclusivity(unchecked) var sendsOnFreshConnection = false

  /// Holds the target among its bytes; nil for a received request whose fields nobody changed: then
  /// they do.
  @exclusivity(unchecked) private var targetBytes: HTTPFields?
  @exclusivity(unchecked) private(set) var target = 0..<0
  @exclusivity(unchecked) private(set) var pathEnd = 0

  init(_ method: HTTPMethod) {
    self.method = method
  }

  init(copying other: HTTPRequestParts) {
    method = other.method
    fields = other.fields
    body = other.body
    peer = other.peer
    authority = other.authority
    isSecure = other.isSecure
    timeout = other.timeout
    sendsOnFreshConnection = other.sendsOnFreshConnection
    targetBytes = other.targetBytes
    target = other.target
    pathEnd = other.pathEnd
  }

  /// Some of the target's bytes; valid until the target is another one.
  func bytes(_ range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
    let bytes = targetBytes?.unsafeBytes ?? fields.unsafeBytes
    return UnsafeBufferPointer(rebasing: bytes[range])
  }

  /// To be called before the fields are changed.
  func keepTarget() {
    if targetBytes == nil { targetBytes = fields }
  }

  /// Takes another target: `target` within `bytes`, its path up to `pathEnd`.
  func setTarget(_ bytes: HTTPFields, _ target: Range<Int>, pathEnd: Int) {
    targetBytes = bytes
    self.target = target
    self.pathEnd = pathEnd
  }

  /// See `HTTPRequest.receive`.
  func receive(
    _ method: HTTPMethod, head: Span<UInt8>, lines: Span<HTTPFields.Line>, target: Range<Int>,
    pathEnd: Int
  ) {
    self.method = method
    if !body.isEmpty { body = [] }
    authority = nil
    isSecure = false
    timeout = nil
    sendsOnFreshConnection = false
    targetBytes = nil
    fields.receive(head, lines: lines)
    self.target = target
    self.pathEnd = pathEnd
  }
}
