/// A place in a list: the sort key of the last row seen (keyset pagination), opaque to clients.
package struct Cursor: Hashable, Sendable {
  /// The key's columns as text, most significant first.
  package let parts: [String]

  package init(_ parts: [String]) {
    self.parts = parts
  }
}

extension Cursor: LosslessStringConvertible {
  private static let textMax = 1024

  /// Base64url (RFC 4648 section 5, unpadded) of the parts joined by U+001F, which no key holds.
  package var description: String {
    Base64URL.encode(Array(parts.joined(separator: "\u{1F}").utf8))
  }

  /// nil for what this type never wrote.
  package init?(_ text: String) {
    guard text.utf8.count <= Self.textMax, let bytes = Base64URL.decode(text),
      let joined = String(validating: bytes, as: UTF8.self)
    else { return nil }
    parts = joined.split(separator: "\u{1F}", omittingEmptySubsequences: false).map(String.init)
  }
}

/// How much of a list is asked for.
package struct PageRequest: Hashable, Sendable {
  package static let limitMax = 100
  package static let limitDefault = 50

  package let limit: Int
  package let after: Cursor?
  /// Whether the whole list is to be counted too, which costs a statement.
  package let wantsTotal: Bool

  /// - Throws: `ValidationFailure` unless the limit is 1 through 100.
  package init(
    limit: Int = limitDefault, after: Cursor? = nil, wantsTotal: Bool = false
  ) throws(ValidationFailure) {
    guard (1...Self.limitMax).contains(limit) else {
      throw ValidationFailure("limit", "out_of_range", "must be 1 to \(Self.limitMax)")
    }
    self.limit = limit
    self.after = after
    self.wantsTotal = wantsTotal
  }
}

/// One page of a list; `next` is nil on the last.
package struct Page<Element: Sendable>: Sendable {
  package let elements: [Element]
  package let next: Cursor?
  /// Of the whole list, all pages; nil when it was not asked for.
  package let total: Int?

  package init(elements: [Element], next: Cursor?, total: Int? = nil) {
    self.elements = elements
    self.next = next
    self.total = total
  }

  /// Makes a page from up to `limit + 1` rows: the row too many only proves that there are more.
  package init(rows: [Element], limit: Int, total: Int? = nil, cursor: (Element) -> Cursor) {
    elements = Array(rows.prefix(limit))
    next = rows.count > limit ? elements.last.map(cursor) : nil
    self.total = total
  }

  /// The same page of what `transform` makes of its elements.
  package func map<Other>(_ transform: (Element) throws -> Other) rethrows -> Page<Other> {
    Page<Other>(elements: try elements.map(transform), next: next, total: total)
  }
}
