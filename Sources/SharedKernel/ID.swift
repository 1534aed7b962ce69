/// The id of a `Subject`: a UUID that cannot be taken for the id of something else.
///
/// `Subject` is only a name: a slice's own entity, or an empty enum for what lives elsewhere.
package struct ID<Subject>: Hashable, Comparable, Sendable {
  package let uuid: UUID128

  package init(_ uuid: UUID128) {
    self.uuid = uuid
  }

  /// A new id, later in order than those made in earlier milliseconds.
  package static func new() -> ID {
    ID(.v7())
  }

  package static func < (left: ID, right: ID) -> Bool {
    left.uuid < right.uuid
  }
}

extension ID: LosslessStringConvertible {
  package init?(_ text: String) {
    guard let uuid = UUID128(text) else { return nil }
    self.init(uuid)
  }

  package var description: String { uuid.description }
}

extension ID: Codable {
  package init(from decoder: any Decoder) throws {
    self.init(try UUID128(from: decoder))
  }

  package func encode(to encoder: any Encoder) throws {
    try uuid.encode(to: encoder)
  }
}
