import HTTPMessages

/// Reads field lines up to the empty line that ends them (RFC 9112 section 5): the fields of a head,
/// and the trailers of a chunked body. Resumes at the byte where the input ended.
struct FieldSectionParser {
  private enum State {
    case lineStart
    case name
    case blanks
    case value
    case lineFeed
    case lastLineFeed
  }

  struct Bounds {
    var lineBytesMax: Int
    var sectionBytesMax: Int
    var linesMax: Int
  }

  /// The next byte to look at; behind the section once it is complete.
  private(set) var position: Int
  /// The lines so far.
  var lines: Span<HTTPFields.Line> {
    @_lifetime(borrow self)
    borrowing get { table.span.extracting(first: lineCount) }
  }

  private let bounds: Bounds
  /// Holds the lines; what earlier sections left behind them is overwritten.
  private var table: [HTTPFields.Line] = []
  private var lineCount = 0
  private var sectionStart: Int
  private var state = State.lineStart
  private var lineStart = 0
  private var nameEnd = 0
  private var valueStart = 0
  private var valueEnd = 0

  /// - Parameter start: where in the input the first line begins.
  init(start: Int, bounds: Bounds) {
    position = start
    sectionStart = start
    self.bounds = bounds
  }

  /// Makes ready for another section within the same bounds.
  mutating func begin(at start: Int) {
    position = start
    sectionStart = start
    state = .lineStart
    lineCount = 0
  }

  /// - Parameter input: the same bytes as before, and more.
  /// - Returns: whether the section is complete.
  mutating func parse(_ input: Span<UInt8>) throws(Refusal) -> Bool {
    while position < input.count {
      switch state {
      case .lineStart:
        takePlainLines(input)
        if position < input.count { try beginLine(input) }
      case .name: try readName(input)
      case .blanks:
        while position < input.count, input[position].isBlank { position += 1 }
        try checkBounds()
        guard position < input.count else { return false }
        valueStart = position
        valueEnd = position
        state = .value
      case .value: try readValue(input)
      case .lineFeed:
        guard input[position] == .lineFeed else { throw .bareLineEnd }
        position += 1
        guard position - sectionStart <= bounds.sectionBytesMax else { throw .fieldsTooLarge }
        add(
          HTTPFields.Line(
            nameStart: lineStart, nameCount: nameEnd - lineStart,
            valueStart: valueStart, valueCount: valueEnd - valueStart))
        state = .lineStart
      case .lastLineFeed:
        guard input[position] == .lineFeed else { throw .bareLineEnd }
        position += 1
        return true
      }
    }
    return false
  }

  /// Takes a section that is the last one once more.
  ///
  /// - Parameters:
  ///   - start: where it would begin.
  ///   - last: the bytes that the last one was in, and where it was.
  /// - Returns: whether it is all there and the same; if not, nothing has changed.
  /// - Precondition: the last section is complete.
  mutating func takeAgain(_ input: Span<UInt8>, at start: Int, from last: Span<UInt8>) -> Bool {
    let length = position - sectionStart
    guard input.count - start >= length,
      input.extracting(start..<start + length).equals(last.extracting(sectionStart..<position))
    else { return false }
    if start != sectionStart {
      for index in 0..<lineCount { table[index].move(by: start - sectionStart) }
    }
    sectionStart = start
    position = start + length
    return true
  }

  /// Makes `request` the one whose head ends with this section. (Here, since the lines cannot be lent
  /// out to whoever changes another property at the same time.)
  func fill(
    _ request: inout HTTPRequest, with method: HTTPMethod, _ target: RequestTarget,
    of input: Span<UInt8>
  ) {
    request.receive(
      method, head: input.extracting(first: position), lines: lines, target: target.origin,
      pathEnd: target.pathEnd)
  }

  private mutating func add(_ line: HTTPFields.Line) {
    if lineCount < table.count {
      table[lineCount] = line
    } else {
      if table.isEmpty { table.reserveCapacity(8) }
      table.append(line)
    }
    lineCount += 1
  }

  /// Takes lines that are all there and just `name: value`, as nearly all are; the first that is
  /// more or less than that, or near a bound, is left to the states.
  private mutating func takePlainLines(_ input: Span<UInt8>) {
    while lineCount < bounds.linesMax, position < input.count,
      input[unchecked: position] != .carriageReturn
    {
      lineStart = position
      let stop = min(input.count, scanEnd)
      let colon = ByteScan.endOfToken(input, from: position, to: stop)
      let value = colon + 2
      guard colon > position, value < stop, input[unchecked: colon] == UInt8(ascii: ":"),
        input[unchecked: colon + 1] == .space, !input[unchecked: value].isBlank
      else { return }
      let end = ByteScan.endOfFieldText(input, from: value, to: stop)
      guard end + 2 < stop, end > value, input[unchecked: end] == .carriageReturn,
        input[unchecked: end + 1] == .lineFeed, input[unchecked: end - 1] != .space
      else { return }
      add(
        HTTPFields.Line(
          nameStart: position, nameCount: colon - position, valueStart: value,
          valueCount: end - value))
      position = end + 2
    }
  }

  private mutating func beginLine(_ input: Span<UInt8>) throws(Refusal) {
    if input[position] == .carriageReturn {
      position += 1
      state = .lastLineFeed
      return
    }
    guard lineCount < bounds.linesMax else { throw .fieldsTooLarge }
    lineStart = position
    state = .name
  }

  private mutating func readName(_ input: Span<UInt8>) throws(Refusal) {
    let stop = min(input.count, scanEnd)
    position = ByteScan.endOfToken(input, from: position, to: stop)
    guard position < stop else { return try checkBounds() }
    guard input[position] == UInt8(ascii: ":"), position > lineStart else {
      throw .malformed("A field line is a name, a colon directly behind it, and a value.")
    }
    nameEnd = position
    position += 1
    state = .blanks
  }

  private mutating func readValue(_ input: Span<UInt8>) throws(Refusal) {
    let stop = min(input.count, scanEnd)
    position = ByteScan.endOfFieldText(input, from: position, to: stop)
    guard position < stop else { return try checkBounds() }
    switch input[position] {
    case .tab: position += 1
    case .carriageReturn:
      valueEnd = position
      while valueEnd > valueStart, input[valueEnd - 1].isBlank { valueEnd -= 1 }
      position += 1
      state = .lineFeed
    case .lineFeed: throw .bareLineEnd
    default: throw .malformed("A field value holds no control bytes.")
    }
  }

  /// One byte behind the last that a line may have here.
  private var scanEnd: Int {
    min(lineStart + bounds.lineBytesMax, sectionStart + bounds.sectionBytesMax) + 1
  }

  private func checkBounds() throws(Refusal) {
    if position >= scanEnd { throw .fieldsTooLarge }
  }
}
