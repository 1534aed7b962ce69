/// A JSON document as text, kept as jsonb. The server checks that it is one (22P02).
package struct JSONText: Hashable, Sendable {
  package let text: String

  package init(_ text: String) {
    self.text = text
  }

  /// - Parameter bytes: UTF-8, as a JSON encoder gives it.
  package init(_ bytes: [UInt8]) {
    text = String(decoding: bytes, as: UTF8.self)
  }
}

extension JSONText: SQLEncodable, SQLDecodable, SQLArrayElement {
  package static var sqlType: SQLType { .jsonb }
  package static var sqlArrayType: SQLType { .jsonbArray }

  /// The version of the format of `jsonb_send`, before the text.
  private static let formatVersion: UInt8 = 1

  package func encode(into bytes: inout [UInt8]) {
    bytes.append(Self.formatVersion)
    bytes.append(contentsOf: text.utf8)
  }

  /// Reads jsonb and json.
  package static func decode(_ cell: SQLCell) throws(SQLCellFault) -> JSONText {
    JSONText(String(decoding: try bytes(of: cell), as: UTF8.self))
  }

  /// The document's text within the cell.
  static func bytes(of cell: SQLCell) throws(SQLCellFault) -> UnsafeRawBufferPointer {
    let bytes = try cell.present
    switch cell.type {
    case .jsonb:
      guard bytes.first == formatVersion else { throw .malformed }
      return UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
    case .json: return bytes
    default: throw .type(cell.type)
    }
  }
}
