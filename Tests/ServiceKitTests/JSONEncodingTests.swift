import JSONSyntax
import ServiceKit
import SharedKernel
import Testing

@Suite("Encoding JSON")
struct JSONEncodingTests {
  private func text(_ value: some Encodable) throws -> String {
    String(decoding: try JSONEncoding.encode(value), as: UTF8.self)
  }

  private struct Order: Encodable {
    struct Line: Encodable {
      let sku: String
      let tags: [String]
    }
    let zulu: Int
    let alpha: String?
    let lines: [Line]
    let isGift: Bool
    let price: DecimalLiteral
    let total: Money
    let empty: [Line]
    let none: [String: String]
    let weight: Double
  }

  @Test("members are written in the order they are declared in, absent ones not at all")
  func order() throws {
    let order = Order(
      zulu: -1, alpha: nil,
      lines: [.init(sku: "A", tags: ["x", "y"]), .init(sku: "B", tags: [])], isGift: true,
      price: DecimalLiteral("1000.0"), total: try Money(minorUnits: 5, currency: .eur), empty: [],
      none: [:], weight: 0.5)
    #expect(
      try text(order)
        == #"{"zulu":-1,"lines":[{"sku":"A","tags":["x","y"]},{"sku":"B","tags":[]}],"#
        + #""isGift":true,"price":1000.0,"total":{"amount":5,"currency":"EUR"},"empty":[],"#
        + #""none":{},"weight":0.5}"#)
  }

  @Test(
    "what was parsed is written as it was",
    arguments: [
      "null", "[]", "{}", "\"\"", "-1.50e+10", "[null,true,false,0]",
      #"{"b":1,"a":{"d":[{},[],{"x":[1,[2,[3]]]}],"c":null},"":""}"#,
      #"["é🐴","\"\\\n\r\t","\u0000\u001f\u0008","/"]"#, #"[[[[]]],[{"a":{}}]]"#,
    ])
  func tree(text json: String) throws {
    let tree = try JSONParser.parse(Array(json.utf8))
    #expect(try text(tree) == json)
    #expect(try JSONParser.parse(JSONEncoding.encode(tree)) == tree)
  }

  @Test("every string is read back as it was")
  func strings() throws {
    var scalars = (0...0x2FF).compactMap { Unicode.Scalar(UInt32($0)) }
    scalars += ["\u{2028}", "\u{2029}", "\u{FEFF}", "\u{FFFF}", "\u{10FFFF}"]
    for scalar in scalars {
      let value = JSONValue.text("a\(scalar)b\(scalar)")
      #expect(try JSONParser.parse(JSONEncoding.encode(value)) == value)
    }
    #expect(try text("\u{1}\u{1F}\u{7F}\u{8}") == "\"\\u0001\\u001f\u{7F}\\u0008\"")
  }

  @Test("numbers are exact, and what JSON has no number for is refused")
  func numbers() throws {
    #expect(try text([UInt64.max]) == "[18446744073709551615]")
    #expect(try text([Int64.min]) == "[-9223372036854775808]")
    #expect(try text([0.1, 1e300, -0.0]) == "[0.1,1e+300,-0.0]")
    for bad in [Double.nan, .infinity, -.infinity] {
      #expect(throws: EncodingError.self) { try text([bad]) }
    }
  }

  private struct ByHand: Encodable {
    enum Key: String, CodingKey { case object, list, after }
    enum Inner: String, CodingKey { case one, two }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      var object = container.nestedContainer(keyedBy: Inner.self, forKey: .object)
      try object.encode(1, forKey: .one)
      try object.encodeNil(forKey: .two)
      var list = container.nestedUnkeyedContainer(forKey: .list)
      try list.encode("a")
      var inner = list.nestedUnkeyedContainer()
      try inner.encode(true)
      try list.encodeNil()
      try container.encode(2, forKey: .after)
    }
  }

  @Test("containers within containers are closed where their parent goes on")
  func nested() throws {
    #expect(
      try text([ByHand(), ByHand()])
        == #"[{"object":{"one":1,"two":null},"list":["a",[true],null],"after":2},"#
        + #"{"object":{"one":1,"two":null},"list":["a",[true],null],"after":2}]"#)
  }
}
