/// Why bytes are not the JSON that was asked for.
package enum JSONParseError: Error, Hashable {
  /// Not by the grammar of RFC 8259; the offset of the first byte that does not fit.
  case malformed(offset: Int)
  /// Arrays and objects nested deeper than `JSONReader.depthMax`.
  case tooDeep
  /// An object that has a member twice: readers disagree on which one counts, so it is refused.
  case duplicateMember(String)
  /// JSON, but a value of another type than the one asked for begins at that offset.
  case unexpected(offset: Int)
  /// A member that the object's reader does not know.
  case unknownMember(String)
  /// The object that ends before that offset lacks a member.
  case memberMissing(offset: Int)
}
