import JSONSyntax
import Testing

@Suite("The JSON writer")
struct JSONWriterTests {
  private func text(_ write: (inout JSONWriter) -> Void) -> String {
    var json = JSONWriter(capacity: 1)
    write(&json)
    return String(decoding: json.bytes, as: UTF8.self)
  }

  @Test("commas stand between members and between elements, and nowhere else")
  func commas() {
    let written = text { json in
      json.beginObject()
      json.member("a")
      json.beginArray()
      json.endArray()
      json.name("b\"c")
      json.beginArray()
      json.integer(1)
      json.beginObject()
      json.endObject()
      json.null()
      json.bool(true)
      json.literal("1.50")
      json.endArray()
      json.member("d")
      json.text("e")
      json.endObject()
    }
    #expect(written == #"{"a":[],"b\"c":[1,{},null,true,1.50],"d":"e"}"#)
  }

  @Test("integers are written to their ends")
  func integers() {
    for number in [0, 9, 10, -1, -10, 1999, Int.max, Int.min] {
      #expect(text { $0.integer(number) } == String(number))
    }
    #expect(text { $0.integer(UInt64.max) } == String(UInt64.max))
  }

  @Test("a character is escaped wherever it falls among eight bytes")
  func escapes() throws {
    for length in 0...24 {
      let plain = String(repeating: "é", count: length / 2) + String(repeating: "a", count: length)
      for (special, escaped) in [
        ("\"", "\\\""), ("\\", "\\\\"), ("\n", "\\n"), ("\u{1}", "\\u0001"),
      ] {
        #expect(
          text { $0.text(plain + special + plain) } == "\"\(plain)\(escaped)\(plain)\"")
      }
      #expect(text { $0.text(plain + "\u{7F}/") } == "\"\(plain)\u{7F}/\"")
    }
  }

  @Test("what is longer than the room at first is written whole")
  func growth() throws {
    let long = String(repeating: "0123456789", count: 1000)
    let written = text { json in
      json.beginArray()
      for _ in 0..<10 { json.text(long) }
      json.endArray()
    }
    #expect(
      try JSONParser.parse(Array(written.utf8)) == .array(Array(repeating: .text(long), count: 10)))
  }

  @Test("several texts stand on a line each, and a writer begins anew in its room")
  func lines() {
    var json = JSONWriter()
    json.text("gone")
    json.removeAll()
    for number in 1...2 {
      json.beginArray()
      json.integer(number)
      json.endArray()
      json.endLine()
    }
    #expect(json.count == 8)
    #expect(json.withBytes { String(decoding: $0, as: UTF8.self) } == "[1]\n[2]\n")
  }
}
