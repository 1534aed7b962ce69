/// An entity tag made from a version number: `"v7"`, or `"v7-gzip"` for the compressed form.
package struct ETag: Hashable {
  /// With its quotes.
  package let text: String

  package init(version: Int) {
    text = "\"v\(version)\""
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

  func names(_ version: Int) -> Bool {
    text == "\"v\(version)\"" || text == "\"v\(version)-gzip\""
  }
}
