import JSONSyntax
import Testing

@Suite("The JSON reader")
struct JSONReaderTests {
  private struct Line: Equatable {
    var sku: String
    var quantity: Int
    var tags: [String]

    init(sku: String, quantity: Int, tags: [String]) {
      self.sku = sku
      self.quantity = quantity
      self.tags = tags
    }

    init(from json: inout JSONReader) throws(JSONParseError) {
      var sku: String?
      var quantity: Int?
      var tags: [String]?
      try json.beginObject()
      while try json.nextMember() {
        if json.isAt("sku") {
          try json.read(into: &sku)
        } else if json.isAt("quantity") {
          try json.read(into: &quantity)
        } else if json.isAt("tags") {
          guard tags == nil else { throw json.duplicateMember }
          var read: [String] = []
          try json.beginArray()
          while try json.nextElement() { read.append(try json.text()) }
          tags = read
        } else {
          throw json.unknownMember
        }
      }
      guard let sku, let quantity, let tags else { throw json.memberMissing }
      self.init(sku: sku, quantity: quantity, tags: tags)
    }
  }

  private func line(_ text: String) throws(JSONParseError) -> Line {
    let bytes = Array(text.utf8)
    var json = JSONReader(bytes.span)
    let line = try Line(from: &json)
    try json.end()
    return line
  }

  private func integer(_ text: String) throws(JSONParseError) -> Int {
    let bytes = Array(text.utf8)
    var json = JSONReader(bytes.span)
    let number = try json.integer()
    try json.end()
    return number
  }

  @Test(
    "members are read in any order, with any blanks, and by names that are escaped",
    arguments: [
      #"{"sku":"A-1","quantity":2,"tags":["x","y"]}"#,
      " {\n\"tags\" : [ \"x\" ,\t\"y\" ] , \"quantity\" : 2,\r\"sku\":\"A-1\" } ",
      #"{"\u0073ku":"A\u002d1","quantity":2,"ta\u0067s":["x","\u0079"]}"#,
    ])
  func order(text: String) throws {
    #expect(try line(text) == Line(sku: "A-1", quantity: 2, tags: ["x", "y"]))
  }

  @Test(
    "an object with other members than those asked for is refused",
    arguments: [
      (#"{"sku":"A","quantity":2,"tags":[],"sku":"B"}"#, .duplicateMember("sku")),
      (#"{"sku":"A","\u0073ku":"A"}"#, .duplicateMember("sku")),
      (#"{"tags":[],"tags":[]}"#, .duplicateMember("tags")),
      (#"{"sku":"A","price":2}"#, .unknownMember("price")), (#"{"":2}"#, .unknownMember("")),
      (#"{"sk":"A"}"#, .unknownMember("sk")), (#"{"skus":"A"}"#, .unknownMember("skus")),
      (#"{"\u0073":"A"}"#, .unknownMember("s")), (#"{"sku":"A"}"#, .memberMissing(offset: 11)),
      ("{}", .memberMissing(offset: 2)),
    ] as [(String, JSONParseError)])
  func members(text: String, error: JSONParseError) {
    #expect(throws: error) { try line(text) }
  }

  @Test(
    "a value of another type is refused where it begins",
    arguments: [
      ("[]", 0), ("null", 0), (#"{"sku":1}"#, 7), (#"{"sku":null}"#, 7), (#"{"quantity":"1"}"#, 12),
      (#"{"quantity":1.0}"#, 12), (#"{"quantity":1e2}"#, 12), (#"{"quantity":true}"#, 12),
      (#"{"tags":{}}"#, 8), (#"{"tags":[1]}"#, 9), (#"{"tags":["a",[]]}"#, 13),
    ])
  func types(text: String, offset: Int) {
    #expect(throws: JSONParseError.unexpected(offset: offset)) { try line(text) }
  }

  @Test(
    "what is no JSON is refused where it ceases to be",
    arguments: [
      ("", 0), ("{", 1), (#"{"sku"}"#, 6), (#"{"sku":"A",}"#, 11), (#"{"sku":"A" "x":1}"#, 11),
      (#"{"tags":["a",]}"#, 13), (#"{"tags":[,]}"#, 9), (#"{"tags":["a" "b"]}"#, 13),
      (#"{"sku":"A"#, 9), (#"{"sku":"\x"}"#, 9), (#"{"quantity":01}"#, 13),
      (#"{"quantity":-}"#, 13), (#"{"sku":"A","quantity":2,"tags":[]}x"#, 34),
    ])
  func grammar(text: String, offset: Int) {
    #expect {
      try line(text)
    } throws: { error in
      // Where a value ought to begin, its absence is told as another type of value.
      error as? JSONParseError == .malformed(offset: offset)
        || error as? JSONParseError == .unexpected(offset: offset)
    }
  }

  @Test("a name is known by its code points, not by its looks")
  func lookalikes() throws {
    for (text, isKnown) in [(#"{"\u004b":1}"#, true), (#"{"\u212a":1}"#, false)] {
      let bytes = Array(text.utf8)
      var json = JSONReader(bytes.span)
      try json.beginObject()
      #expect(try json.nextMember())
      #expect(json.isAt("K") == isKnown, "\(text)")
    }
  }

  @Test("a name is known by each of its bytes, however long it is")
  func everyByteOfAName() throws {
    let names: [StaticString] = [
      "", "a", "ab", "abc", "abcd", "abcde", "abcdefg", "abcdefgh", "abcdefghi", "abcdefghijklmnop",
      "abcdefghijklmnopq",
    ]
    for wanted in names {
      let right = Array("\(wanted)".utf8)
      for place in -1..<right.count {
        var name = right
        if place >= 0 { name[place] = UInt8(ascii: "X") }
        let text = Array("{\"".utf8) + name + Array("\":1}".utf8)
        var json = JSONReader(text.span)
        try json.beginObject()
        #expect(try json.nextMember())
        let known = names.filter { json.isAt($0) }.map { "\($0)" }
        #expect(known == (place < 0 ? ["\(wanted)"] : []))
      }
    }
  }

  @Test("a name that is no UTF-8 is refused")
  func names() {
    let bytes = Array(#"{""#.utf8) + [0xFF] + Array(#"":1}"#.utf8)
    #expect(throws: JSONParseError.malformed(offset: 5)) {
      var json = JSONReader(bytes.span)
      _ = try Line(from: &json)
    }
  }

  @Test("integers are exact to their ends and refused beyond")
  func integers() throws {
    for number in [0, -1, 7, 1_000_000, Int.max, Int.min] {
      #expect(try integer(String(number)) == number)
    }
    #expect(try integer("-0") == 0)
    for text in ["9223372036854775808", "-9223372036854775809", "99999999999999999999", "1.5"] {
      #expect(throws: JSONParseError.unexpected(offset: 0)) { try integer(text) }
    }
  }

  @Test("integers of every length are read within an array as they are alone")
  func integersInArrays() throws {
    func pair(_ text: String) throws -> [Int] {
      let bytes = Array(text.utf8)
      var json = JSONReader(bytes.span)
      var numbers: [Int] = []
      try json.beginArray()
      while try json.nextElement() { numbers.append(try json.integer()) }
      try json.end()
      return numbers
    }
    let digits = "1234567890123456789"
    for length in 1...19 {
      let number = try #require(Int(digits.prefix(length)))
      #expect(try pair("[\(number),-\(number)]") == [number, -number])
      #expect(try pair("[ \(number) , \(number) ]") == [number, number])
      #expect(throws: JSONParseError.malformed(offset: 2)) { try pair("[0\(number)]") }
      #expect(throws: JSONParseError.unexpected(offset: 1)) { try pair("[\(number).5]") }
    }
    #expect(throws: JSONParseError.unexpected(offset: 1)) { try pair("[\(digits)0]") }
    #expect(try pair("[0,0]") == [0, 0])
  }

  @Test("strings are read whole, wherever their quote falls among eight bytes")
  func lengths() throws {
    for length in 0...40 {
      let plain = String(repeating: "a", count: length)
      #expect(try line(#"{"sku":"\#(plain)","quantity":1,"tags":[]}"#).sku == plain)
      let mixed = plain + "é\u{7F}"
      #expect(try line(#"{"sku":"\#(mixed)","quantity":1,"tags":[]}"#).sku == mixed)
      #expect(try line(#"{"sku":"\#(plain)\n","quantity":1,"tags":[]}"#).sku == plain + "\n")
      #expect(throws: JSONParseError.malformed(offset: 8 + length)) {
        try line("{\"sku\":\"\(plain)\u{1F}\"}")
      }
    }
  }

  @Test("words are true, false and null")
  func words() throws {
    for (text, value) in [("true", true), ("false", false), ("null", nil)] as [(String, Bool?)] {
      let bytes = Array(text.utf8)
      var json = JSONReader(bytes.span)
      #expect(json.nextKind == .word)
      let word = try json.word()
      #expect(word == value)
      try json.end()
    }
  }

  @Test("nesting is read to its limit and refused beyond it")
  func depth() throws {
    func open(_ depth: Int) throws(JSONParseError) {
      let bytes = [UInt8](repeating: UInt8(ascii: "["), count: depth)
      var json = JSONReader(bytes.span)
      for _ in 0..<depth {
        try json.beginArray()
        _ = try json.nextElement()
      }
    }
    try open(JSONReader.depthMax)
    #expect(throws: JSONParseError.tooDeep) { try open(JSONReader.depthMax + 1) }
  }
}
