import HTTPMessages

/// A path with names for the segments that vary, such as `/products/{id}/stock`.
package struct RoutePattern: Sendable, Hashable {
  enum Segment: Sendable, Hashable {
    case literal([UInt8])
    case parameter(String)
  }

  /// As it was written; the label of the route in metrics.
  package let text: String
  let segments: [Segment]

  /// - Precondition: `text` begins with `/`; a segment is either a whole `{name}`, each name once, or
  ///   literal, written decoded and without braces.
  package init(_ text: String) {
    precondition(text.hasPrefix("/"), "\(text) is no pattern: it begins with /")
    self.text = text
    segments = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map {
      guard $0.hasPrefix("{") else {
        precondition(!$0.contains("{"), "\(text): a parameter is a whole segment")
        return .literal(Array($0.utf8))
      }
      precondition($0.hasSuffix("}") && $0.count > 2, "\(text): a parameter is {name}")
      return .parameter(String($0.dropFirst().dropLast()))
    }
    let names = segments.compactMap { if case .parameter(let name) = $0 { name } else { nil } }
    precondition(Set(names).count == names.count, "\(text) names a parameter twice")
  }
}
