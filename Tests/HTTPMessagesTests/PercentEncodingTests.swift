import HTTPMessages
import Testing

@Suite struct PercentEncodingTests {
  @Test("what is encoded decodes to itself, whatever it is")
  func roundTrip() {
    for text in ["", "a b/c?d#e%f+g", "ü€😀", "\u{1}\u{7f}", "~-._A9"] {
      let segment = PercentEncoding.encode(pathSegment: text)
      #expect(PercentEncoding.decode(segment: segment.utf8) == text)
      #expect(!segment.contains("/") && !segment.contains("?"))
      let value = PercentEncoding.encode(queryValue: text)
      #expect(PercentEncoding.decode(value.utf8, plusIsSpace: true) == Array(text.utf8))
    }
    #expect(PercentEncoding.encode(pathSegment: "a/ü") == "a%2F%C3%BC")
  }

  @Test("bad escapes, NUL and bytes that are not UTF-8 are not decoded")
  func refused() {
    for text in ["%", "%4", "%4x", "%%41", "%00", "a%"] {
      #expect(PercentEncoding.decode(text.utf8) == nil)
    }
    #expect(PercentEncoding.decode(segment: "%ff".utf8) == nil)
    #expect(PercentEncoding.decode(segment: "%c0%80".utf8) == nil)
  }

  @Test("an escape is decoded once")
  func once() {
    #expect(PercentEncoding.decode(segment: "%2541".utf8) == "%41")
    #expect(PercentEncoding.decode(segment: "a+b".utf8) == "a+b")
  }
}
