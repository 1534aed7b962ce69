import CoreHTTP
import HTTPMessages

/// What the parser makes of the bytes of a connection.
struct Reading: Equatable {
  struct Request: Equatable {
    let method: HTTPMethod
    let target: String
    /// Each line as it arrived: the name, a colon, the value.
    let fields: [[UInt8]]
    let host: String?
    let body: [UInt8]
    let isOldVersion: Bool
    let keepsAlive: Bool
    /// Where it begins, where its head ends, and where it ends.
    let places: [Int]
  }

  enum End: Equatable {
    case complete
    case incomplete
    case refused(HTTPStatus)
  }

  private(set) var requests: [Request] = []
  private(set) var end = End.complete

  /// Reads the input whole, byte by byte, and in pieces: it must come to the same.
  init(_ input: Input, _ limits: HTTPLimits) {
    self.init([input.bytes[...]], of: input, limits)
    for pieces in [input.pieces, input.bytes.indices.map { input.bytes[$0...$0] }] {
      let other = Reading(pieces, of: input, limits)
      input.require(other == self, "\(self) whole, but \(other) in \(pieces.count) pieces")
    }
  }

  /// Feeds the pieces one after the other, as a connection does.
  private init(_ pieces: [ArraySlice<UInt8>], of input: Input, _ limits: HTTPLimits) {
    var parser = RequestParser(limits: limits)
    var arrived = 0
    var position = 0
    var places = [0]
    for piece in pieces {
      arrived += piece.count
      var isStuck = false
      while !isStuck, position < arrived {
        var consumed = 0
        let waiting = input.bytes.span.extracting(position..<arrived)
        let step = parser.advance(waiting, consumed: &consumed)
        input.require((0...waiting.count).contains(consumed), "consumed \(consumed)")
        position += consumed
        switch step {
        case .incomplete: isStuck = true
        case .head:
          places.append(position)
          do throws(Refusal) {
            try parser.admitBody()
          } catch {
            end = .refused(error.status)
            return
          }
        case .request:
          if places.count == 1 { places.append(position) }
          requests.append(Self.request(&parser, places + [position]))
          places = [position]
        case .refused(let refusal):
          end = .refused(refusal.status)
          return
        }
      }
    }
    let kept = arrived - position
    input.require(kept <= Self.bytesKeptMax(limits), "\(kept) bytes are neither read nor refused")
    if parser.isInsideRequest || kept > 0 { end = .incomplete }
  }

  private static func request(_ parser: inout RequestParser, _ places: [Int]) -> Request {
    let isOldVersion = parser.isOldVersion
    let keepsAlive = parser.keepsAlive
    let request = parser.takeRequest()
    let fields = request.fields
    return Request(
      method: request.method, target: request.target,
      fields: fields.lines.indices.map { index in
        let line = fields.lines[index]
        return bytes(of: fields, line.name) + [0x3A] + bytes(of: fields, line.value)
      },
      host: fields[.host], body: request.body, isOldVersion: isOldVersion, keepsAlive: keepsAlive,
      places: places)
  }

  private static func bytes(of fields: HTTPFields, _ range: Range<Int>) -> [UInt8] {
    fields.bytes.extracting(range).withUnsafeBufferPointer { Array($0) }
  }

  /// A head or a trailer section that is still to be completed, with the empty line ahead of it and the
  /// ends of its lines.
  private static func bytesKeptMax(_ limits: HTTPLimits) -> Int {
    max(limits.requestLineBytesMax + limits.fieldSectionBytesMax, limits.trailerBytesMax) + 6
  }
}

extension HTTPLimits {
  /// So small that short inputs reach them.
  static var small: HTTPLimits {
    var limits = HTTPLimits()
    limits.requestLineBytesMax = 40
    limits.fieldLineBytesMax = 32
    limits.fieldSectionBytesMax = 80
    limits.fieldsMax = 4
    limits.methodBytesMax = 8
    limits.bodyBytesMax = 16
    limits.chunkLineBytesMax = 12
    limits.chunkExtensionBytesMax = 24
    limits.trailerBytesMax = 32
    limits.trailersMax = 2
    return limits
  }
}
