import SharedKernel
import Testing

@Suite("Pages of a list")
struct PageTests {
  @Test(
    "a cursor is read back from its text",
    arguments: [
      ["1"], ["2026-11-22T10:15:30.123Z", "017f22e2"], ["", ""], ["a b&c=d/+?", "ž🐴"], [""],
      ["-9223372036854775808"],
    ])
  func roundTrip(parts: [String]) {
    let text = Cursor(parts).description
    #expect(Cursor(text)?.parts == parts)
    #expect(text.utf8.allSatisfy { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: "+") })
  }

  @Test(
    "what was never written as a cursor is refused",
    arguments: [
      "a", "a b", "ab+c", "ab/c", "YQ==", "YQ=", "!!!!", "_w", "gICA", "ž",
      String(repeating: "A", count: 1025),
    ])
  func refused(text: String) {
    #expect(Cursor(text) == nil)
  }

  @Test("a page has 1 to 100 elements, 50 when nobody says", arguments: [-1, 0, 101, .max])
  func limits(limit: Int) throws {
    #expect(throws: ValidationFailure.self) { try PageRequest(limit: limit) }
    #expect(try PageRequest().limit == 50)
    #expect(try PageRequest(limit: 1).limit == 1)
    #expect(try PageRequest(limit: 100).limit == 100)
  }

  @Test("the row too many only tells that there is a next page")
  func next() {
    let full = Page(rows: [1, 2, 3], limit: 2) { Cursor(["\($0)"]) }
    #expect(full.elements == [1, 2])
    #expect(full.next == Cursor(["2"]))
    let last = Page(rows: [1, 2], limit: 2) { Cursor(["\($0)"]) }
    #expect(last.elements == [1, 2])
    #expect(last.next == nil)
    #expect(Page(rows: [Int](), limit: 2) { Cursor(["\($0)"]) }.next == nil)
  }
}
