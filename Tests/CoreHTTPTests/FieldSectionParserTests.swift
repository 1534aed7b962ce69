import HTTPMessages
import Testing

@testable import CoreHTTP

@Suite struct FieldSectionParserTests {
  static let cases: [ParserCase] = [
    ParserCase("9112 §5", get("/", "X: y"), served: "GET /"),
    ParserCase("9112 §5.1", get("/", "X : y"), refused: 400),
    ParserCase("9112 §5.1", get("/", "X\t: y"), refused: 400),
    ParserCase("9112 §5.1", get("/", ": y"), refused: 400),
    ParserCase("9112 §5.1", get("/", "X y: z"), refused: 400),
    ParserCase("9112 §5.1", get("/", "X(y): z"), refused: 400),
    ParserCase("9112 §5.1", get("/", "X\u{1}: z"), refused: 400),
    ParserCase("9112 §5.1", get("/", "\u{e9}: z"), refused: 400),
    ParserCase("9112 §5", get("/", "X"), refused: 400),
    ParserCase("9112 §5", get("/", "X=y"), refused: 400),
    ParserCase("9112 §5.2", get("/", "X: y", " z"), refused: 400),
    ParserCase("9112 §5.2", get("/", "X: y", "\tz"), refused: 400),
    ParserCase("9112 §2.2", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", refused: 400),
    ParserCase("9110 §5.5", get("/", "X: \u{e9} ~ \t!"), served: "GET /"),
    ParserCase("9110 §5.5", get("/", "X:"), served: "GET /"),
    ParserCase("9110 §5.5", get("/", "X: \t "), served: "GET /"),
    ParserCase("9110 §5.5", get("/", "X: a\u{0}b"), refused: 400),
    ParserCase("9110 §5.5", get("/", "X: a\u{1}b"), refused: 400),
    ParserCase("9110 §5.5", get("/", "X: a\u{7f}b"), refused: 400),
    ParserCase("9110 §5.5", get("/", "X: a\u{b}"), refused: 400),
    ParserCase("9110 §5.5", get("/", "X: 12345678901234567\u{8}"), refused: 400),
    ParserCase("9112 §2.2", get("/", "X: a\nY: b"), refused: 400),
    ParserCase("9112 §2.2", get("/", "X: a\rY: b"), refused: 400),
    ParserCase("9112 §2.2", get("/", "X: a\r"), refused: 400),
    ParserCase("9112 §2.2", "GET / HTTP/1.1\r\nHost: a\r\n\n", refused: 400),
    ParserCase("9112 §2.2", "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", refused: 400),
    ParserCase("9112 §2", incomplete: "GET / HTTP/1.1\r\nHost: a\r\n\r"),
    ParserCase("9112 §2", incomplete: "GET / HTTP/1.1\r\nHost: "),
  ]

  @Test("a field line is a token, a colon and a value, ended by CR LF", arguments: cases)
  func fieldLine(_ sample: ParserCase) {
    sample.check()
  }

  @Test("values lose the blanks at their ends and nothing else")
  func trimming() throws {
    let fields = try parsed(get("/", "X: \t a \t b\t ", "Y:c", "z-Z:")).fields
    #expect(fields["x"] == "a \t b")
    #expect(fields["y"] == "c")
    #expect(fields["Z-z"] == "")
    #expect(fields["Z_z"] == nil)
  }

  @Test("lines that repeat are kept in order")
  func repeated() throws {
    let fields = try parsed(get("/", "X: 1", "Y: 2", "x: 3")).fields
    #expect(fields.values("X") == ["1", "3"])
    #expect(fields["X"] == "1")
  }

  @Test("a field line of the largest length is served and one byte more is 431")
  func lineLimit() {
    var limits = HTTPLimits()
    limits.fieldLineBytesMax = 1000
    let longest = "X: " + String(repeating: "y", count: 997)
    ParserCase("6585 §5", get("/", longest), served: "GET /").check(limits: limits)
    ParserCase("6585 §5", get("/", longest + "y"), refused: 431).check(limits: limits)
    let name = String(repeating: "n", count: 1001)
    ParserCase("6585 §5", get("/", name), refused: 431).check(limits: limits)
    let blanks = "X:" + String(repeating: " ", count: 999)
    ParserCase("6585 §5", get("/", blanks), refused: 431).check(limits: limits)
  }

  @Test("the fields together have a limit in bytes and one in number")
  func sectionLimits() {
    var limits = HTTPLimits()
    limits.fieldSectionBytesMax = 300
    let lines = (0..<20).map { "X\($0): " + String(repeating: "y", count: 20) }
    let head = "GET / HTTP/1.1\r\nHost: a\r\n"
    let text = head + lines.joined(separator: "\r\n") + "\r\n\r\n"
    ParserCase("6585 §5", text, refused: 431).check(limits: limits)

    let hundred = head + String(repeating: "X: y\r\n", count: 99) + "\r\n"
    ParserCase("6585 §5", hundred, served: "GET /").check()
    let more = head + String(repeating: "X: y\r\n", count: 100) + "\r\n"
    ParserCase("6585 §5", more, refused: 431).check()
  }
}
