import JSONSyntax
import Testing

@Suite("The JSON parser")
struct JSONParserTests {
  private func parse(_ text: String) throws -> JSONValue {
    try JSONParser.parse(Array(text.utf8))
  }

  @Test(
    "every text of RFC 8259's grammar is read",
    arguments: [
      ("null", .null), (" true\n", .bool(true)), ("\tfalse\r", .bool(false)),
      ("\"\"", .text("")), ("[]", .array([])), ("{}", .object([])), ("[ ]", .array([])),
      ("0", .number("0")), ("-0", .number("-0")), ("10", .number("10")),
      ("1.50", .number("1.50")), ("-1.5e+10", .number("-1.5e+10")), ("1E-2", .number("1E-2")),
      ("1e5", .number("1e5")), ("[1,2]", .array([.number("1"), .number("2")])),
      ("[[],[[]]]", .array([.array([]), .array([.array([])])])),
      ("[ null , true ]", .array([.null, .bool(true)])),
      ("\"a\\\"b\\\\c\\/d\"", .text("a\"b\\c/d")),
      ("\"\\b\\f\\n\\r\\t\"", .text("\u{8}\u{C}\n\r\t")), ("\"\\u00e9\"", .text("é")),
      ("\"\\u0000\"", .text("\u{0}")), ("\"\\uD83D\\udc34\"", .text("🐴")),
      ("\"\\uD800\\uDC00\"", .text("\u{10000}")), ("\"\\uDBFF\\uDFFF\"", .text("\u{10FFFF}")),
      ("\"🐴é\u{7F}\"", .text("🐴é\u{7F}")), ("\"\\uFFFF\"", .text("\u{FFFF}")),
    ] as [(String, JSONValue)])
  func good(text: String, value: JSONValue) throws {
    #expect(try parse(text) == value)
  }

  @Test(
    "what is not of the grammar is refused",
    arguments: [
      "", " ", "nul", "nulll", "True", "NaN", "Infinity", "-", "+1", "01", "-01", "1.", ".5",
      "1.e1", "1e", "1e+", "0x10", "1 2", "1,", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]",
      "[1,,2]",
      "{", "}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}", "{\"a\" 1}",
      "{\"a\":1 \"b\":2}", "{1:2}", "\"", "\"a", "'a'", "\"\\\"", "\"\\x41\"", "\"\\'\"",
      "\"\\u12\"",
      "\"\\u12g4\"", "\"\\u\"", "\"\\uD800\"", "\"\\uD800x\"", "\"\\uD800\\n\"",
      "\"\\uD800\\uD800\"", "\"\\uDC00\"", "\"\\uDC00\\uD800\"", "\"a\nb\"", "\"\u{0}\"", "\"\t\"",
      "\"\\n\u{1F}\"", "// x\n1", "/* x */1", "1 // x", "\u{FEFF}1", "[1]x", "{}{}", "\u{A0}1",
      "1\u{0}",
      "1\u{B}", "[\"a\":1]", "{\"a\",\"b\"}", "\"\\u+123\"", "--1", "1e1.5",
    ])
  func bad(text: String) {
    #expect(throws: JSONParseError.self) { try parse(text) }
  }

  @Test(
    "text is UTF-8 and nothing else",
    arguments: [
      [0xFF], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
      [0xC3], [0x80], [0xF0, 0x9F, 0x90],
    ] as [[UInt8]])
  func notUTF8(bytes: [UInt8]) {
    let quote = UInt8(ascii: "\"")
    #expect(throws: JSONParseError.self) { try JSONParser.parse([quote] + bytes + [quote]) }
    let escape = Array("\\n".utf8)
    #expect(throws: JSONParseError.self) {
      try JSONParser.parse([quote] + escape + bytes + [quote])
    }
    #expect(throws: JSONParseError.self) { try JSONParser.parse(bytes) }
  }

  @Test("no beginning of a text is a text")
  func prefixes() throws {
    let text = #"{"a":[1,-2.5e3,true,null,"x\u00e9\ud83d\udc34"],"b":{"c":"é"}}"#
    let bytes = Array(text.utf8)
    for length in bytes.indices {
      #expect(throws: JSONParseError.self) { try JSONParser.parse(Array(bytes[..<length])) }
    }
    #expect(try JSONParser.parse(bytes)["b"]?["c"]?.textValue == "é")
  }

  @Test("the offset of what does not fit is told")
  func offset() {
    #expect(throws: JSONParseError.malformed(offset: 6)) { try parse("[true,]") }
    #expect(throws: JSONParseError.malformed(offset: 5)) { try parse("{\"a\":") }
    #expect(throws: JSONParseError.malformed(offset: 2)) { try parse("{}x") }
  }

  @Test("nesting is read to its limit and refused beyond it")
  func depth() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    _ = try parse(nested(JSONReader.depthMax))
    #expect(throws: JSONParseError.tooDeep) { try parse(nested(JSONReader.depthMax + 1)) }
    #expect(throws: JSONParseError.tooDeep) { try parse(String(repeating: "[", count: 1_000_000)) }
    #expect(throws: JSONParseError.tooDeep) {
      try parse(String(repeating: "{\"a\":", count: 1_000_000))
    }
    // What is beside is not deeper.
    let row = Array(repeating: nested(JSONReader.depthMax - 1), count: 10).joined(separator: ",")
    _ = try parse("[\(row)]")
  }

  @Test("a member that is there twice is refused, however it is written")
  func duplicates() throws {
    #expect(throws: JSONParseError.duplicateMember("a")) { try parse(#"{"a":1,"a":1}"#) }
    #expect(throws: JSONParseError.duplicateMember("a")) { try parse(#"{"a":1,"\u0061":2}"#) }
    #expect(throws: JSONParseError.duplicateMember("")) { try parse(#"[{"":1,"":2}]"#) }
    _ = try parse(#"{"a":{"a":1},"b":[{"a":1},{"a":2}],"A":1}"#)
  }
}
