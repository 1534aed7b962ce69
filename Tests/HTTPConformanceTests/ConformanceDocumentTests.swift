import Foundation
import Testing

/// docs/http-conformance.md: the tables, for people, and the tests of other rules.
@Suite struct ConformanceDocumentTests {
  private static let path = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../docs/http-conformance.md").standardizedFileURL
  private static let marker = "<!-- written from the tables -->\n"

  private static var written: String {
    let parts = Part.all.map { part in
      let rows = part.rules.map { "| \($0.text) | \($0.section) | \($0.cases.count) |\n" }
      return "## \(part.name)\n\n| rule | written in | cases |\n|---|---|---|\n\(rows.joined())"
    }
    let count = Part.all.reduce(0) { $0 + $1.caseCount }
    return "\(marker)\n\(count) cases in all.\n\n" + parts.joined(separator: "\n")
  }

  @Test("the document has every rule with the number of its cases")
  func document() throws {
    let document = try String(contentsOf: Self.path, encoding: .utf8)
    let head = try #require(document.range(of: Self.marker), "the document has lost its marker")
    // To write it: SHOP_WRITE_DOCUMENTS=yes ./shop test --filter ConformanceDocument
    if ProcessInfo.processInfo.environment["SHOP_WRITE_DOCUMENTS"] != nil {
      try (document[..<head.lowerBound] + Self.written)
        .write(to: Self.path, atomically: true, encoding: .utf8)
    } else {
      #expect(document[head.lowerBound...] == Self.written)
    }
  }

  @Test("each test that the document names is there")
  func namedTests() throws {
    let document = try String(contentsOf: Self.path, encoding: .utf8)
    let tests = Self.path.deletingLastPathComponent().appending(path: "../Tests")
      .standardizedFileURL
    let files = FileManager.default.enumerator(at: tests, includingPropertiesForKeys: nil)
    let sources = (files?.allObjects ?? []).compactMap { $0 as? URL }
      .filter { $0.pathExtension == "swift" }
      .compactMap { try? String(contentsOf: $0, encoding: .utf8) }
    let rows = document.split(separator: "\n").filter { $0.hasSuffix("\" |") }
    #expect(rows.count >= 12)
    for title in rows.flatMap({ $0.matches(of: /"([^"]+)"/) }).map(\.output.1) {
      #expect(sources.contains { $0.contains("\"\(title)\"") }, "\(title)")
    }
  }
}
