package import HTTPMessages

/// Turns the bytes of one connection into requests, by the rules of RFC 9110 and RFC 9112 and none of
/// their leniences. Pure: knows no socket and no clock. Incremental: the bytes may be cut anywhere, and
/// each is looked at a bounded number of times.
package struct RequestParser {
  /// What the bytes given so far have come to.
  package enum Step {
    /// More bytes are needed.
    case incomplete
    /// A head is complete and a body is to come: look at `head`, then call `admitBody`, then go on.
    case head
    /// A request is complete: call `takeRequest`, then go on.
    case request
    /// Nothing behind this can be understood; the parser is of no more use.
    case refused(Refusal)
  }

  /// The parser has seen a part of a request: its end would cut that request short.
  package var isInsideRequest: Bool {
    if case .line = stage { line.position > 0 } else { true }
  }
  /// The head of the present request is complete.
  package var isInsideBody: Bool {
    if case .body = stage { true } else { false }
  }
  /// Bytes of the present body so far.
  package var bodyByteCount: Int { chunked?.bytes.count ?? body.count }
  /// What `Content-Length` says of the present body; nil for chunks, or if there is none.
  package var bodyLength: Int? {
    if case .length(let length) = framing { length } else { nil }
  }
  /// The client waits for a 100 before it sends the body.
  package private(set) var expectsContinue = false
  /// Whether the connection may go on after the present request.
  package private(set) var keepsAlive = true
  /// The present request is of HTTP/1.0.
  package private(set) var isOldVersion = false

  /// The present request is a HEAD: no answer to it has a body, a refusal neither.
  package var isHead: Bool { line.method == .head }

  private enum Stage {
    case line
    case fields
    case body
    case complete
  }

  /// A longer head is handed over with its memory, as is a request with a body: an idle connection keeps
  /// no more than this of the last one.
  private static let headBytesKeptMax = 2048

  private let limits: HTTPLimits
  private var stage = Stage.line
  private var line = RequestLineParser()
  private var target = RequestTarget()
  private var fields: FieldSectionParser
  /// The present request, once its head is complete, and without its body until that is. When it was
  /// small it stays, so that the next one can have its memory if it has gone by then.
  private var present = HTTPRequest(.get, "/")
  /// `present` is there, without a body and with its fields as they arrived.
  private var isPresentAsReceived = false
  private var framing = BodyFraming.none
  private var bodyBytesMax = 0
  private var body: [UInt8] = []
  private var chunked: ChunkedBody?

  /// - Parameter peer: whose requests they are.
  package init(limits: HTTPLimits = .init(), peer: PeerAddress? = nil) {
    self.limits = limits
    present.peer = peer
    fields = FieldSectionParser(start: 0, bounds: Self.fieldBounds(limits))
  }

  /// No part of a request is held: it can begin with those of another connection.
  package var isAtRest: Bool { if case .line = stage { true } else { false } }

  /// Makes ready for the requests of another connection, in the memory of those before.
  ///
  /// - Precondition: `isAtRest`.
  package mutating func begin(for peer: PeerAddress) {
    precondition(isAtRest, "inside of a request")
    line = RequestLineParser()
    present.peer = peer
  }

  /// The present request's head, with an empty body.
  ///
  /// - Precondition: the last step was `.head`.
  package var head: HTTPRequest {
    precondition(stage == .body || stage == .complete, "no head is complete")
    return present
  }

  /// Reads on.
  ///
  /// - Parameters:
  ///   - input: every byte that has arrived and was not consumed.
  ///   - consumed: set to how many of them are done with; the next call's input begins behind them.
  package mutating func advance(_ input: Span<UInt8>, consumed: inout Int) -> Step {
    consumed = 0
    do throws(Refusal) {
      return try stage == .body ? readBody(input, &consumed) : readHead(input, &consumed)
    } catch {
      return .refused(error)
    }
  }

  /// Sets how long the present body may be. To be called once, after `.head`.
  ///
  /// - Throws: 413 if its `Content-Length` says more.
  package mutating func admitBody(bytesMax: Int? = nil) throws(Refusal) {
    bodyBytesMax = bytesMax ?? limits.bodyBytesMax
    if case .length(let length) = framing, length > bodyBytesMax { throw .bodyTooLarge }
  }

  /// Hands over the complete request and makes ready for the next.
  ///
  /// - Precondition: the last step was `.request`.
  package mutating func takeRequest() -> HTTPRequest {
    precondition(stage == .complete, "no request is complete")
    line = RequestLineParser()
    stage = .line
    if present.body.isEmpty, present.fields.bytes.count <= Self.headBytesKeptMax { return present }
    isPresentAsReceived = false
    var taken = HTTPRequest(.get, "/")
    taken.peer = present.peer
    swap(&taken, &present)
    return taken
  }

  // MARK: Head

  private mutating func readHead(
    _ input: Span<UInt8>, _ consumed: inout Int
  ) throws(Refusal) -> Step {
    if stage == .line {
      let isComplete = try line.parse(
        input, lineBytesMax: limits.requestLineBytesMax, methodBytesMax: limits.methodBytesMax)
      guard isComplete else { return .incomplete }
      target = try RequestTarget(input, line.target, for: line.method)
      if line.method == nil { throw .unknownMethod }
      if takeSameFields(input) {
        finishHead(input)
        consumed = fields.position
        stage = .complete
        return .request
      }
      fields.begin(at: line.position)
      stage = .fields
    }
    guard try fields.parse(input) else { return .incomplete }
    try settleRules(input)
    finishHead(input)
    consumed = fields.position
    guard framing != .none else {
      expectsContinue = false
      stage = .complete
      return .request
    }
    stage = .body
    return .head
  }

  /// Takes fields that are, to the byte, those of the request before: a client repeats most of what it
  /// says on one connection. They then say the same of the message and the connection.
  private mutating func takeSameFields(_ input: Span<UInt8>) -> Bool {
    isPresentAsReceived && isOldVersion == (line.minorVersion == 0)
      && fields.takeAgain(input, at: line.position, from: present.fields.bytes)
  }

  private mutating func settleRules(_ input: Span<UInt8>) throws(Refusal) {
    let rules = try MessageRules(input, fields.lines, minorVersion: line.minorVersion)
    framing = rules.framing
    keepsAlive = rules.keepsAlive
    isOldVersion = line.minorVersion == 0
    expectsContinue = rules.expectsContinue
    if framing == .chunked { chunked = ChunkedBody(limits) }
  }

  private mutating func finishHead(_ input: Span<UInt8>) {
    guard let method = line.method else { preconditionFailure("refused with its line") }
    fields.fill(&present, with: method, target, of: input)
    isPresentAsReceived = framing == .none && target.authority == nil
    if let authority = target.authority {
      present.fields[.host] = String(decoding: input.copy(authority), as: UTF8.self)
      if target.origin.lowerBound == target.pathEnd { present.target = "/" + present.target }
    }
  }

  private static func fieldBounds(_ limits: borrowing HTTPLimits) -> FieldSectionParser.Bounds {
    .init(
      lineBytesMax: limits.fieldLineBytesMax, sectionBytesMax: limits.fieldSectionBytesMax,
      linesMax: limits.fieldsMax)
  }

  // MARK: Body

  private mutating func readBody(
    _ input: Span<UInt8>, _ consumed: inout Int
  ) throws(Refusal) -> Step {
    switch framing {
    case .none: break
    case .length(let length):
      let count = min(length - body.count, input.count)
      input.extracting(0..<count).withUnsafeBufferPointer { body.append(contentsOf: $0) }
      consumed = count
      guard body.count == length else { return .incomplete }
      present.body = body
      body = []
    case .chunked:
      let isComplete = try chunked?.read(
        input, consumed: &consumed, bytesMax: bodyBytesMax, limits)
      guard isComplete == true else { return .incomplete }
      present.body = chunked?.bytes ?? []
      chunked = nil
    }
    stage = .complete
    return .request
  }
}
