import HTTPMessages
import Testing

@testable import ServiceKit

@Suite("Accept-Encoding (RFC 9110 section 12.5.3)")
struct AcceptEncodingTests {
  @Test(
    "gzip is sent where it is welcome and nothing else more so",
    arguments: [
      ("gzip", true), ("GZIP", true), ("x-gzip", true), ("gzip, deflate, br", true),
      ("br;q=1.0, gzip;q=0.8, *;q=0.1", true), ("*", true), ("deflate,*;q=0.5", true),
      ("gzip;q=1.000", true), ("gzip ; q=0.001", true), ("gzip;Q=0.5", true), ("gzip;q=1.", true),
      ("identity;q=0.5, gzip;q=0.5", true), ("identity;q=0, gzip;q=0.1", true), (",, gzip,", true),
      ("", false), ("identity", false), ("deflate, br", false), ("gzip;q=0", false),
      ("gzip;q=0.000", false), ("*;q=0", false), ("gzip;q=0, *", false), ("*, gzip;q=0", false),
      ("gzip;q=0.5, identity", false), ("gzip;q=0.2, identity;q=0.3", false),
      ("gzip;q=2", false), ("gzip;q=1.5", false), ("gzip;q=0.1234", false), ("gzip;q=", false),
      ("gzip;q=x", false), ("gzip;q=-1", false), ("gzip;level=9", false), ("gzip;q=1;x=2", false),
      ("gzipped", false), ("gzip;q=0.5e0", false), (";q=1", false),
    ])
  func negotiation(field: String, isGzip: Bool) {
    #expect(AcceptEncoding([.acceptEncoding: field]).prefersGzip == isGzip, "\(field)")
  }

  @Test("several fields are one list; none at all asks for nothing")
  func lists() {
    var fields = HTTPFields()
    #expect(!AcceptEncoding(fields).prefersGzip)
    fields.append(.acceptEncoding, "br")
    fields.append(.acceptEncoding, "gzip;q=0.5")
    #expect(AcceptEncoding(fields).prefersGzip)
  }
}
