/// Reads one whole JSON text into a tree, strictly by RFC 8259: no comments, no trailing commas, UTF-8
/// only, no member twice.
package enum JSONParser {
  /// Members up to which an object's names are compared one with another rather than hashed.
  private static let membersComparedMax = 16

  /// - Throws: `JSONParseError`.
  package static func parse(_ bytes: [UInt8]) throws(JSONParseError) -> JSONValue {
    var reader = JSONReader(bytes.span)
    let value = try value(&reader)
    try reader.end()
    return value
  }

  private static func value(_ reader: inout JSONReader) throws(JSONParseError) -> JSONValue {
    switch reader.nextKind {
    case .object: try object(&reader)
    case .array: try array(&reader)
    case .text: .text(try reader.text())
    case .number: .number(try reader.number())
    case .word: try reader.word().map(JSONValue.bool) ?? .null
    }
  }

  private static func array(_ reader: inout JSONReader) throws(JSONParseError) -> JSONValue {
    var elements: [JSONValue] = []
    try reader.beginArray()
    while try reader.nextElement() { elements.append(try value(&reader)) }
    return .array(elements)
  }

  private static func object(_ reader: inout JSONReader) throws(JSONParseError) -> JSONValue {
    var members: [JSONValue.Member] = []
    var names: Set<String> = []
    try reader.beginObject()
    while try reader.nextMember() {
      let name = try reader.memberName()
      let isNew: Bool
      if members.count < membersComparedMax {
        isNew = !members.contains { $0.name == name }
      } else {
        if names.isEmpty { names = Set(members.map(\.name)) }
        isNew = names.insert(name).inserted
      }
      guard isNew else { throw .duplicateMember(name) }
      members.append(JSONValue.Member(name: name, value: try value(&reader)))
    }
    return .object(members)
  }
}
