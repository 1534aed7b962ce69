import Testing

@testable import CoreHTTP

@Suite struct ReadAheadTests {
  private func append(_ text: String, to bytes: inout ReadAhead) {
    Array(text.utf8).withUnsafeBufferPointer { bytes.append($0) }
  }

  private func text(_ bytes: ReadAhead) -> String {
    bytes.span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }

  @Test("what is used up is gone, and what is appended comes behind the rest")
  func order() {
    var bytes = ReadAhead()
    #expect(bytes.isEmpty)
    append("abcdef", to: &bytes)
    bytes.consume(0)
    bytes.consume(2)
    #expect(text(bytes) == "cdef")
    #expect(bytes.count == 4)
    append("gh", to: &bytes)
    bytes.consume(1)
    #expect(text(bytes) == "defgh")
    bytes.consume(5)
    #expect(bytes.isEmpty && bytes.count == 0)
    append("i", to: &bytes)
    #expect(text(bytes) == "i")
  }

  @Test("taking leaves nothing")
  func taking() {
    var bytes = ReadAhead()
    append("abc", to: &bytes)
    bytes.consume(1)
    let taken = bytes.take()
    #expect(text(taken) == "bc")
    #expect(bytes.isEmpty)
  }
}
