import HTTPMessages

/// Reads a body in chunked transfer coding (RFC 9112 section 7.1), resuming at any byte. Extensions
/// are checked and dropped.
struct ChunkedBody {
  private enum State {
    case size
    case extensions
    case sizeLineFeed
    case data
    case dataReturn
    case dataLineFeed
    case trailers
  }

  private(set) var bytes: [UInt8] = []

  private var state = State.size
  private var size: UInt64 = 0
  private var digits = 0
  private var lineBytes = 0
  private var extensionBytes = 0
  private var extensions = ChunkExtensions()
  private var trailers: FieldSectionParser

  init(_ limits: borrowing HTTPLimits) {
    trailers = FieldSectionParser(
      start: 0,
      bounds: .init(
        lineBytesMax: limits.trailerBytesMax, sectionBytesMax: limits.trailerBytesMax,
        linesMax: limits.trailersMax))
  }

  /// - Parameters:
  ///   - input: what has arrived behind the bytes consumed so far.
  ///   - consumed: set to how many of them need not be shown again.
  /// - Returns: whether the body is complete.
  mutating func read(
    _ input: Span<UInt8>, consumed: inout Int, bytesMax: Int, _ limits: borrowing HTTPLimits
  ) throws(Refusal) -> Bool {
    var position = 0
    defer { consumed = position }
    while position < input.count {
      let byte = input[position]
      switch state {
      case .size, .extensions, .sizeLineFeed:
        try readSizeLine(byte, bytesMax: bytesMax, limits)
        position += 1
      case .data:
        let count = min(Int(size), input.count - position)
        input.extracting(position..<position + count).withUnsafeBufferPointer {
          bytes.append(contentsOf: $0)
        }
        position += count
        size -= UInt64(count)
        if size == 0 { state = .dataReturn }
      case .dataReturn:
        guard byte == .carriageReturn else { throw Self.unbounded }
        position += 1
        state = .dataLineFeed
      case .dataLineFeed:
        guard byte == .lineFeed else { throw Self.unbounded }
        position += 1
        beginSizeLine()
      case .trailers:
        // Kept in the input until complete; then dropped, so that they change nothing.
        guard try trailers.parse(input.extracting(position..<input.count)) else { return false }
        position += trailers.position
        return true
      }
    }
    return false
  }

  private static let unbounded = Refusal.malformed("CR LF follows a chunk's data.")

  private mutating func beginSizeLine() {
    state = .size
    size = 0
    digits = 0
    lineBytes = 0
  }

  private mutating func readSizeLine(
    _ byte: UInt8, bytesMax: Int, _ limits: borrowing HTTPLimits
  ) throws(Refusal) {
    lineBytes += 1
    guard lineBytes <= limits.chunkLineBytesMax + 2 else {
      throw .malformed("A chunk-size line is too long.")
    }
    switch state {
    case .size: try readSize(byte, bytesMax: bytesMax)
    case .extensions:
      extensionBytes += 1
      guard extensionBytes <= limits.chunkExtensionBytesMax else {
        throw .malformed("The chunk extensions are too long.")
      }
      if try extensions.read(byte) { state = .sizeLineFeed }
    default:
      guard byte == .lineFeed else { throw .bareLineEnd }
      state = size == 0 ? .trailers : .data
    }
  }

  private mutating func readSize(_ byte: UInt8, bytesMax: Int) throws(Refusal) {
    if let digit = PercentEncoding.hexadecimalDigit(byte), digits < 16 {
      size = size << 4 | UInt64(digit)
      digits += 1
      return
    }
    guard digits > 0, byte == .carriageReturn || byte == UInt8(ascii: ";") else {
      throw .malformed("A chunk size is 1 to 16 hexadecimal digits.")
    }
    guard size <= UInt64(max(0, bytesMax - bytes.count)) else { throw .bodyTooLarge }
    if byte == .carriageReturn {
      state = .sizeLineFeed
    } else {
      extensions = ChunkExtensions()
      state = .extensions
    }
  }
}

/// Checks `name[=token or quoted-string]`, repeated behind `;`, up to the CR
/// (RFC 9112 section 7.1.1). The first `;` is already read.
struct ChunkExtensions {
  private enum State {
    case nameStart
    case name
    case valueStart
    case token
    case quoted
    case escaped
    case quoteEnd
  }
  private var state = State.nameStart

  /// - Returns: whether `byte` is the CR that ends the line.
  mutating func read(_ byte: UInt8) throws(Refusal) -> Bool {
    let isToken = ByteSet.token.contains(byte)
    switch (state, byte) {
    case (.nameStart, _) where isToken: state = .name
    case (.name, _) where isToken, (.token, _) where isToken: break
    case (.name, UInt8(ascii: "=")): state = .valueStart
    case (.valueStart, UInt8(ascii: "\"")): state = .quoted
    case (.valueStart, _) where isToken: state = .token
    case (.quoted, UInt8(ascii: "\"")): state = .quoteEnd
    case (.quoted, UInt8(ascii: "\\")): state = .escaped
    case (.quoted, _) where HTTPFields.isValueByte(byte): break
    case (.escaped, _) where HTTPFields.isValueByte(byte): state = .quoted
    case (.name, UInt8(ascii: ";")), (.token, UInt8(ascii: ";")), (.quoteEnd, UInt8(ascii: ";")):
      state = .nameStart
    case (.name, .carriageReturn), (.token, .carriageReturn), (.quoteEnd, .carriageReturn):
      return true
    default: throw .malformed("A chunk extension is ;name or ;name=value.")
    }
    return false
  }
}
