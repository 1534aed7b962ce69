import JSONSyntax
import ServiceKit
import SharedKernel
import Testing

@Suite("Strict decoding")
struct JSONDecodingTests {
  private struct Line: Decodable, Equatable {
    let sku: String
    let quantity: Int8
  }
  private struct Order: Decodable, Equatable {
    enum Kind: String, Decodable { case gift, plain }
    let id: UUID128?
    let kind: Kind?
    let lines: [Line]
    let notes: [String: String]?
    let weight: Double?
  }

  private func decode<T: Decodable>(_ type: T.Type = T.self, _ text: String) throws -> T {
    try JSONDecoding.decode(from: Array(text.utf8))
  }

  private func faults(_ text: String) -> [Fault] {
    do {
      _ = try decode(Order.self, text)
      return []
    } catch let failure as ValidationFailure {
      return failure.faults
    } catch {
      Issue.record(error)
      return []
    }
  }

  @Test("a body of the right shape becomes the value")
  func good() throws {
    let order = try decode(
      Order.self,
      """
      {"kind":"gift","lines":[{"sku":"A","quantity":-128},{"quantity":127,"sku":"B"}],
       "notes":{"any/~name":"x"},"weight":1e2,"id":null}
      """)
    #expect(order.lines == [Line(sku: "A", quantity: -128), Line(sku: "B", quantity: 127)])
    #expect(order.kind == .gift)
    #expect(order.id == nil)
    #expect(order.notes == ["any/~name": "x"])
    #expect(order.weight == 100)
  }

  @Test(
    "a fault names its place and what is wrong with it",
    arguments: [
      ("{}", "/lines", "required"), ("[]", "", "type"), ("null", "", "type"),
      (#"{"lines":null}"#, "/lines", "type"), (#"{"lines":{}}"#, "/lines", "type"),
      (#"{"lines":[{"sku":"A"}]}"#, "/lines/0/quantity", "required"),
      (#"{"lines":[{"sku":"A","quantity":1},{"sku":2,"quantity":1}]}"#, "/lines/1/sku", "type"),
      (#"{"lines":[{"sku":"A","quantity":128}]}"#, "/lines/0/quantity", "type"),
      (#"{"lines":[{"sku":"A","quantity":1.0}]}"#, "/lines/0/quantity", "type"),
      (#"{"lines":[{"sku":"A","quantity":"1"}]}"#, "/lines/0/quantity", "type"),
      (#"{"lines":[{"sku":"A","quantity":true}]}"#, "/lines/0/quantity", "type"),
      (#"{"lines":[1]}"#, "/lines/0", "type"),
      (#"{"lines":[],"kind":"other"}"#, "/kind", "invalid"),
      (#"{"lines":[],"id":"x"}"#, "/id", "invalid"),
      (#"{"lines":[],"notes":{"a/b~c":1}}"#, "/notes/a~1b~0c", "type"),
      (#"{"lines":[],"weight":"heavy"}"#, "/weight", "type"),
      (#"{"lines":[],"weight":1e999}"#, "/weight", "type"),
      (#"{"lines":[],"line":[]}"#, "/line", "unknown"),
      (#"{"lines":[{"sku":"A","quantity":1,"price":0}]}"#, "/lines/0/price", "unknown"),
      (#"{"lines":[],"Lines":[]}"#, "/Lines", "unknown"),
    ])
  func fault(text: String, pointer: String, code: String) {
    let found = faults(text)
    #expect(found.map(\.pointer) == [pointer])
    #expect(found.map(\.code) == [code])
  }

  @Test("all unknown members are told, up to twenty")
  func unknowns() {
    #expect(
      faults(#"{"lines":[{"sku":"A","quantity":1,"x":0}],"y":0}"#).map(\.pointer).sorted()
        == ["/lines/0/x", "/y"])
    let many = (0..<50).map { "\"x\($0)\":0" }.joined(separator: ",")
    #expect(faults("{\"lines\":[],\(many)}").count == 20)
  }

  @Test("a reader of somebody else's messages may leave members alone")
  func allowing() throws {
    let line: Line = try JSONDecoding.decode(
      from: Array(#"{"sku":"A","quantity":1,"more":{"x":[1]}}"#.utf8), allowingUnknown: true)
    #expect(line == Line(sku: "A", quantity: 1))
  }

  @Test("what is no JSON is told apart from JSON of another shape")
  func malformed() {
    #expect(throws: JSONParseError.self) { try decode(Line.self, "{") }
    #expect(throws: JSONParseError.duplicateMember("sku")) {
      try decode(Line.self, #"{"sku":"A","sku":"B","quantity":1}"#)
    }
  }

  @Test("a decimal keeps its digits; money its minor units")
  func numbers() throws {
    #expect(try decode([DecimalLiteral].self, "[1000.0,1e2]").map(\.text) == ["1000.0", "1e2"])
    let money = try decode(Money.self, #"{"amount":49999,"currency":"USD"}"#)
    #expect(try money == Money(minorUnits: 49_999, currency: .usd))
    for bad in [
      #"{"amount":1000000000001,"currency":"USD"}"#, #"{"amount":1.5,"currency":"USD"}"#,
      #"{"amount":1,"currency":"usd"}"#, #"{"amount":1,"currency":"XXX"}"#, #"{"amount":1}"#,
    ] {
      #expect(throws: ValidationFailure.self) { try decode(Money.self, bad) }
    }
    #expect(try decode(UInt64.self, "18446744073709551615") == .max)
    #expect(try decode(Int64.self, "-9223372036854775808") == .min)
  }
}
