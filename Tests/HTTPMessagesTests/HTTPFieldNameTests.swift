import HTTPMessages
import Testing

@Suite struct HTTPFieldNameTests {
  @Test("names are equal, and hash alike, without regard to case")
  func equality() {
    #expect(HTTPFieldName.requestID == "x-request-ID")
    #expect(Set(["Etag", .etag, "ETAG"] as [HTTPFieldName]).count == 1)
    #expect("a_b" as HTTPFieldName != "a-b")
    #expect(HTTPFieldName.etag.text == "ETag")
  }

  @Test(
    "a name is a token (9110 §5.6.2)",
    arguments: [
      ("X-Y", true), ("a1!#$%&'*+-.^_`|~", true), ("", false), ("a b", false), ("a:", false),
      ("a\r", false), ("ü", false), ("(a)", false), ("a\0", false),
    ])
  func token(_ text: String, isName: Bool) {
    #expect((HTTPFieldName(text) != nil) == isName)
  }
}
