import Testing

@testable import ServiceKit

@Suite("Entity tags")
struct ETagTests {
  @Test(
    "a list of tags names a version, compressed or weak as it may be",
    arguments: [
      ("\"v7\"", true), ("\"v7-gzip\"", true), ("W/\"v7\"", true), ("\"v1\", \"v7\"", true),
      ("\"v1\",W/\"v7-gzip\"", true), (" \"v7\" ", true), ("\"v1\",, \"v7\"", true),
      ("\"v8\"", false), ("v7", false), ("\"v77\"", false), ("\"V7\"", false), ("", false),
      ("\"v7", false), ("\"v7-br\"", false), ("\"7\"", false), ("w/\"v7\"", false), (",", false),
    ])
  func names(field: String, matches: Bool) {
    #expect(ETag.list(field).contains { $0.names(7) } == matches)
  }

  @Test("a tag names the version it was made from")
  func made() {
    #expect(ETag(version: 7).text == "\"v7\"")
    #expect(ETag(version: 7).names(7))
    #expect(!ETag(version: 7).names(8))
  }
}
