/// An entity tag made from a version number: `"v7"`, or `"v7-gzip"` for the compressed form.
///
/// An answer that also shows stock, which moves without the version, says so: `"v7-s12"`. A condition
/// on what is to be changed looks at the version alone.
package struct ETag: Hashable {
  /// With its quotes.
  package let text: String

  /// - Parameter version: rises with every change of what the answer shows.
  package init(version: Int) {
    text = "\"v\(version)\""
  }

  /// - Parameter stock: rises with every change of the stock that the answer shows.
  package init(version: Int, stock: Int) {
    text = "\"v\(version)-s\(stock)\""
  }

  private init(text: String) {
    self.text = text
  }

  /// The strong tags of an `If-Match` or `If-None-Match` list; a weak prefix is dropped, since the
  /// versions behind our tags compare either way.
  static func list(_ field: String) -> [ETag] {
    field.split(separator: ",").map { part in
      let tag = part.trimmed
      return ETag(text: tag.hasPrefix("W/") ? String(tag.dropFirst(2)) : tag)
    }
  }

  /// The tag of the same version's compressed form; a weak tag names that as well.
  static func compressed(_ tag: String) -> String {
    tag.hasPrefix("\"") && tag.hasSuffix("\"") ? tag.dropLast() + "-gzip\"" : tag
  }

  /// Whether it is a tag of that version, in whichever form and with whichever stock.
  func names(_ version: Int) -> Bool {
    guard text.hasPrefix("\"v"), text.hasSuffix("\""), text.count > 3 else { return false }
    var parts = text.dropFirst(2).dropLast().split(
      separator: "-", omittingEmptySubsequences: false)
    if parts.last == "gzip" { parts.removeLast() }
    if parts.count == 2, Self.isStock(parts[1]) { parts.removeLast() }
    return parts == ["\(version)"]
  }

  private static func isStock(_ part: Substring) -> Bool {
    part.first == "s" && part.count > 1
      && part.utf8.dropFirst().allSatisfy {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
      }
  }

  /// Whether an `If-None-Match` field names exactly this answer, compressed or not.
  package func isNamed(in field: String) -> Bool {
    field.trimmed == "*"
      || Self.list(field).contains { $0 == self || $0.text == Self.compressed(text) }
  }
}
