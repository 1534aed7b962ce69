/// A parsed JSON value. Numbers keep their text, so that money never passes through floating point;
/// objects keep the order of their members.
package indirect enum JSONValue: Hashable, Sendable {
  case null
  case bool(Bool)
  /// The number's own text, checked against RFC 8259 section 6.
  case number(String)
  case text(String)
  case array([JSONValue])
  case object([Member])

  /// A name and its value; names of one object differ.
  package struct Member: Hashable, Sendable {
    package let name: String
    package let value: JSONValue
  }

  /// The first member of that name, if this is an object that has it.
  package subscript(_ name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  /// nil if this is no text.
  package var textValue: String? {
    if case .text(let value) = self { value } else { nil }
  }
}
