import HTTPMessages
import Testing

@Suite struct HTTPFieldsTests {
  @Test("names are found without regard to case; the first value counts")
  func lookup() {
    let fields: HTTPFields = ["Content-Type": "text/plain", "X": "1", "x": "2"]
    #expect(fields["content-TYPE"] == "text/plain")
    #expect(fields["X"] == "1")
    #expect(fields.values("x") == ["1", "2"])
    #expect(fields["Y"] == nil)
    #expect(fields["X_"] == nil)
    #expect(fields.contains(.contentType) && !fields.contains(.host))
    #expect(fields.count == 3)
  }

  @Test("setting replaces every value of the name, nil removes them, others keep their order")
  func setting() {
    var fields: HTTPFields = ["A": "1", "B": "2", "a": "3", "C": "4"]
    fields["a"] = "5"
    var lines: [String] = []
    fields.forEach { lines.append("\($0)=\($1)") }
    #expect(lines == ["B=2", "C=4", "a=5"])
    fields["B"] = nil
    #expect(fields.values("B").isEmpty)
    #expect(fields.description == "C: 4\na: 5")
  }

  @Test("no value can begin a line of its own (9110 §5.5)")
  func forbiddenBytes() {
    let fields: HTTPFields = ["A": "x\r\nB: y\0\u{7f}\tü"]
    #expect(fields["A"] == "x??B: y??\tü")
    #expect(fields["B"] == nil)
    #expect(HTTPFields.isValid(value: "a\tb ü"))
    #expect(!HTTPFields.isValid(value: "a\nb"))
  }

  @Test("whichever byte a control is, at whatever place, it alone is replaced")
  func controlsAnywhere() {
    for byte in UInt8(0)...0x7F {
      for count in 1...18 {
        let place = Int(byte) % count
        let value = String(
          decoding: (0..<count).map { $0 == place ? byte : UInt8(ascii: "a") + UInt8($0) },
          as: UTF8.self)
        let isFine = (byte >= 0x20 && byte != 0x7F) || byte == 0x09
        let expected = String(
          decoding: value.utf8.enumerated().map {
            $0.offset == place && !isFine ? UInt8(ascii: "?") : $0.element
          }, as: UTF8.self)
        let fields: HTTPFields = ["X-Value": value]
        #expect(fields["x-value"] == expected)
      }
    }
    let wide: HTTPFields = ["X-Value": "prix: 12 \u{20AC}, déjà \u{7F}vu"]
    #expect(wide["X-Value"] == "prix: 12 \u{20AC}, déjà ?vu")
  }

  @Test("received bytes stay as they are and can be added to")
  func received() {
    let bytes = Array("GET / HTTP/1.1\r\nX: y\r\n\r\n".utf8)
    var fields = Self.received(
      bytes, [.init(nameStart: 16, nameCount: 1, valueStart: 19, valueCount: 1)])
    #expect(fields["x"] == "y")
    fields.append("X", "z")
    #expect(fields.values("x") == ["y", "z"])
    let present = fields.bytes.extracting(first: bytes.count).withUnsafeBufferPointer { Array($0) }
    #expect(present == bytes)
  }

  @Test("what takes the place of other fields leaves those who hold them alone")
  func receivedAnew() {
    var fields = Self.received(
      Array("A: 1".utf8), [.init(nameStart: 0, nameCount: 1, valueStart: 3, valueCount: 1)])
    let held = fields
    let next = Array("BC: 2".utf8)
    let line = [HTTPFields.Line(nameStart: 0, nameCount: 2, valueStart: 4, valueCount: 1)]
    fields.receive(next.span, lines: line.span)
    #expect(fields.description == "BC: 2")
    #expect(held.description == "A: 1")
    fields.receive(Span(), lines: Span())
    #expect(fields.isEmpty)
  }

  @Test("a copy and its original change apart, however far they grow")
  func copies() {
    let original: HTTPFields = ["A": "1"]
    var copy = original
    for number in 0..<100 { copy.append("N", String(repeating: "x", count: number)) }
    var other = copy
    other["A"] = nil
    #expect(original.description == "A: 1")
    #expect(copy.count == 101 && copy["A"] == "1")
    #expect(copy.values("n").map(\.count) == Array(0..<100))
    #expect(other.count == 100 && !other.contains("A"))
  }

  @Test("a value that is not UTF-8 is repaired, not refused")
  func notUTF8() {
    let fields = Self.received(
      [0x58, 0xFF, 0x41], [.init(nameStart: 0, nameCount: 1, valueStart: 1, valueCount: 2)])
    #expect(fields["X"] == "\u{FFFD}A")
  }

  private static func received(_ bytes: [UInt8], _ lines: [HTTPFields.Line]) -> HTTPFields {
    HTTPFields(received: bytes.span, lines: lines.span)
  }
}
