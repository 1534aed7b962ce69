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

  @Test("received bytes stay as they are and can be added to")
  func received() {
    let bytes = Array("GET / HTTP/1.1\r\nX: y\r\n\r\n".utf8)
    var fields = HTTPFields(
      received: bytes, lines: [.init(nameStart: 16, nameCount: 1, valueStart: 19, valueCount: 1)])
    #expect(fields["x"] == "y")
    fields.append("X", "z")
    #expect(fields.values("x") == ["y", "z"])
    #expect(Array(fields.bytes.prefix(bytes.count)) == bytes)
  }

  @Test("a value that is not UTF-8 is repaired, not refused")
  func notUTF8() {
    let fields = HTTPFields(
      received: [0x58, 0xFF, 0x41],
      lines: [.init(nameStart: 0, nameCount: 1, valueStart: 1, valueCount: 2)])
    #expect(fields["X"] == "\u{FFFD}A")
  }
}
