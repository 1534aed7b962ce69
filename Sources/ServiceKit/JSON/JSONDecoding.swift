package import JSONSyntax
import SharedKernel

/// Decodes `Decodable` values from JSON strictly: unknown members are faults, and every fault names
/// its place by a JSON pointer (RFC 6901).
package enum JSONDecoding {
  /// - Throws: `JSONParseError` for what is no JSON; `ValidationFailure` for JSON of another shape,
  ///   and for members that `T` did not ask for.
  package static func decode<T: Decodable>(
    _ type: T.Type = T.self, from bytes: [UInt8], allowingUnknown: Bool = false
  ) throws -> T {
    try decode(type, from: try JSONParser.parse(bytes), allowingUnknown: allowingUnknown)
  }

  /// As above, from JSON that is a tree already.
  ///
  /// - Throws: `ValidationFailure`.
  package static func decode<T: Decodable>(
    _ type: T.Type = T.self, from value: JSONValue, allowingUnknown: Bool = false
  ) throws -> T {
    let asked = AskedMembers()
    do {
      let decoder = JSONTreeDecoder(value: value, codingPath: [], asked: asked)
      let result = try decoder.decode(type)
      if !allowingUnknown { try asked.finish() }
      return result
    } catch let error as DecodingError {
      throw ValidationFailure([fault(of: error)])
    }
  }

  private static func fault(of error: DecodingError) -> Fault {
    switch error {
    case .keyNotFound(let key, let context):
      Fault(pointer(context.codingPath + [key]), "required", "is required")
    case .valueNotFound(_, let context):
      Fault(pointer(context.codingPath), "required", "must not be null")
    case .typeMismatch(_, let context):
      Fault(pointer(context.codingPath), "type", context.debugDescription)
    case .dataCorrupted(let context):
      Fault(pointer(context.codingPath), "invalid", context.debugDescription)
    @unknown default:
      Fault("", "invalid", "cannot be read")
    }
  }
}

func pointer(_ path: [any CodingKey]) -> String {
  path.map {
    "/" + $0.stringValue.replacing("~", with: "~0").replacing("/", with: "~1")
  }.joined()
}

/// The members that a decoding asked for, by object; what is left over is a fault.
final class AskedMembers {
  /// Faults listed at most; a body may hold thousands.
  private static let faultsMax = 20
  private var unknown: [Fault] = []

  /// Called with what an object holds and what its type knows.
  func note(_ members: [JSONValue.Member], known: (String) -> Bool, at path: [any CodingKey]) {
    for member in members where !known(member.name) && unknown.count < Self.faultsMax {
      unknown.append(
        Fault(pointer(path + [AnyKey(member.name)]), "unknown", "is not a member known here"))
    }
  }

  func finish() throws(ValidationFailure) {
    if !unknown.isEmpty { throw ValidationFailure(unknown) }
  }
}

struct JSONTreeDecoder: Decoder {
  let value: JSONValue
  let codingPath: [any CodingKey]
  let asked: AskedMembers
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func decode<T: Decodable>(_ type: T.Type) throws -> T {
    if type == JSONValue.self, let value = value as? T { return value }
    return try T(from: self)
  }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    guard case .object(let members) = value else { throw mismatch("must be an object") }
    // A key that does not map to a case of the type's CodingKeys is one the type does not know.
    asked.note(members, known: { Key(stringValue: $0) != nil }, at: codingPath)
    return KeyedDecodingContainer(ObjectReader(members: members, decoder: self))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    guard case .array(let elements) = value else { throw mismatch("must be an array") }
    return ArrayReader(elements: elements, decoder: self)
  }

  func singleValueContainer() throws -> any SingleValueDecodingContainer {
    ValueReader(decoder: self)
  }

  func child(_ value: JSONValue, _ key: any CodingKey) -> JSONTreeDecoder {
    JSONTreeDecoder(value: value, codingPath: codingPath + [key], asked: asked)
  }

  func mismatch(_ text: String) -> DecodingError {
    .typeMismatch(
      JSONValue.self, DecodingError.Context(codingPath: codingPath, debugDescription: text))
  }

  func bool() throws -> Bool {
    guard case .bool(let value) = value else { throw mismatch("must be true or false") }
    return value
  }

  func string() throws -> String {
    guard case .text(let value) = value else { throw mismatch("must be a string") }
    return value
  }

  func integer<T: FixedWidthInteger>(_ type: T.Type) throws -> T {
    guard case .number(let text) = value, let integer = T(text) else {
      throw mismatch("must be an integer from \(T.min) to \(T.max)")
    }
    return integer
  }

  func floating<T: LosslessStringConvertible & BinaryFloatingPoint>(_ type: T.Type) throws -> T {
    // `Double("1e999")` is infinity, which is no value of JSON.
    guard case .number(let text) = value, let number = T(text), number.isFinite else {
      throw mismatch("must be a number")
    }
    return number
  }
}

private struct ValueReader: SingleValueDecodingContainer {
  let decoder: JSONTreeDecoder
  var codingPath: [any CodingKey] { decoder.codingPath }

  func decodeNil() -> Bool { decoder.value == .null }
  func decode(_ type: Bool.Type) throws -> Bool { try decoder.bool() }
  func decode(_ type: String.Type) throws -> String { try decoder.string() }
  func decode(_ type: Double.Type) throws -> Double { try decoder.floating(type) }
  func decode(_ type: Float.Type) throws -> Float { try decoder.floating(type) }
  func decode<T: Decodable & FixedWidthInteger>(_ type: T.Type) throws -> T {
    try decoder.integer(type)
  }
  func decode(_ type: Int.Type) throws -> Int { try decoder.integer(type) }
  func decode(_ type: Int8.Type) throws -> Int8 { try decoder.integer(type) }
  func decode(_ type: Int16.Type) throws -> Int16 { try decoder.integer(type) }
  func decode(_ type: Int32.Type) throws -> Int32 { try decoder.integer(type) }
  func decode(_ type: Int64.Type) throws -> Int64 { try decoder.integer(type) }
  func decode(_ type: UInt.Type) throws -> UInt { try decoder.integer(type) }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try decoder.integer(type) }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try decoder.integer(type) }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try decoder.integer(type) }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try decoder.integer(type) }
  func decode<T: Decodable>(_ type: T.Type) throws -> T { try decoder.decode(type) }
}

private struct ObjectReader<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let members: [JSONValue.Member]
  let decoder: JSONTreeDecoder
  var codingPath: [any CodingKey] { decoder.codingPath }
  var allKeys: [Key] { members.compactMap { Key(stringValue: $0.name) } }

  func contains(_ key: Key) -> Bool { member(key) != nil }

  private func member(_ key: Key) -> JSONValue? {
    members.first { $0.name == key.stringValue }?.value
  }

  private func child(_ key: Key) throws -> JSONTreeDecoder {
    guard let value = member(key) else {
      throw DecodingError.keyNotFound(
        key, DecodingError.Context(codingPath: codingPath, debugDescription: "is required"))
    }
    return decoder.child(value, key)
  }

  func decodeNil(forKey key: Key) throws -> Bool { try child(key).value == .null }
  func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try child(key).bool() }
  func decode(_ type: String.Type, forKey key: Key) throws -> String { try child(key).string() }
  func decode(_ type: Double.Type, forKey key: Key) throws -> Double {
    try child(key).floating(type)
  }
  func decode(_ type: Float.Type, forKey key: Key) throws -> Float {
    try child(key).floating(type)
  }
  func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try child(key).integer(type) }
  func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try child(key).integer(type) }
  func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try child(key).integer(type) }
  func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try child(key).integer(type) }
  func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try child(key).integer(type) }
  func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try child(key).integer(type) }
  func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try child(key).integer(type) }
  func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 {
    try child(key).integer(type)
  }
  func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 {
    try child(key).integer(type)
  }
  func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 {
    try child(key).integer(type)
  }
  func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
    try child(key).decode(type)
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> {
    try child(key).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try child(key).unkeyedContainer()
  }

  func superDecoder() throws -> any Decoder { decoder }
  func superDecoder(forKey key: Key) throws -> any Decoder { try child(key) }
}

private struct ArrayReader: UnkeyedDecodingContainer {
  let elements: [JSONValue]
  let decoder: JSONTreeDecoder
  private(set) var currentIndex = 0
  var codingPath: [any CodingKey] { decoder.codingPath }
  var count: Int? { elements.count }
  var isAtEnd: Bool { currentIndex == elements.count }

  init(elements: [JSONValue], decoder: JSONTreeDecoder) {
    self.elements = elements
    self.decoder = decoder
  }

  private mutating func child() throws -> JSONTreeDecoder {
    guard !isAtEnd else {
      throw DecodingError.valueNotFound(
        JSONValue.self,
        DecodingError.Context(codingPath: codingPath, debugDescription: "has too few elements"))
    }
    defer { currentIndex += 1 }
    return decoder.child(elements[currentIndex], AnyKey(currentIndex))
  }

  mutating func decodeNil() throws -> Bool {
    guard !isAtEnd, elements[currentIndex] == .null else { return false }
    currentIndex += 1
    return true
  }

  mutating func decode<T: Decodable>(_ type: T.Type) throws -> T { try child().decode(type) }

  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) throws -> KeyedDecodingContainer<Nested> {
    try child().container(keyedBy: type)
  }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try child().unkeyedContainer()
  }

  mutating func superDecoder() throws -> any Decoder { try child() }
}
