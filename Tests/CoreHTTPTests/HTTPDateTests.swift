import Testing

@testable import CoreHTTP

@Suite struct HTTPDateTests {
  @Test("a date is IMF-fixdate (9110 §5.6.7)")
  func text() {
    #expect(HTTPDate.text(secondsSince1970: 784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(HTTPDate.text(secondsSince1970: 951_827_696) == "Tue, 29 Feb 2000 12:34:56 GMT")
    #expect(HTTPDate.text(secondsSince1970: 0) == "Thu, 01 Jan 1970 00:00:00 GMT")
  }
}
