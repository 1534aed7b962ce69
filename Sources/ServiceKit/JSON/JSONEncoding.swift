import JSONSyntax

/// Encodes `Encodable` values as JSON, members in the order they are encoded in, straight into
/// bytes.
///
/// A container must be finished before the next one of its parent begins, as synthesised and
/// ordinary hand-written conformances do.
package struct JSONEncoding: Encoder {
  package let codingPath: [any CodingKey]
  package var userInfo: [CodingUserInfoKey: Any] { [:] }
  let output: Output

  /// The bytes being written, and the brackets still open.
  final class Output {
    var writer = JSONWriter()
    var open: [UInt8] = []

    func close(to depth: Int) {
      while open.count > depth {
        if open.removeLast() == UInt8(ascii: "}") {
          writer.endObject()
        } else {
          writer.endArray()
        }
      }
    }
  }

  /// `value` as JSON without blanks.
  ///
  /// - Throws: `EncodingError` for infinity and NaN, which JSON lacks; what `value` throws.
  package static func encode(_ value: some Encodable) throws -> [UInt8] {
    let output = Output()
    try JSONEncoding(codingPath: [], output: output).encode(value)
    output.close(to: 0)
    return output.writer.bytes
  }

  fileprivate func encode(_ value: some Encodable) throws {
    let depth = output.open.count
    try value.encode(to: self)
    output.close(to: depth)
  }

  package func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    output.writer.beginObject()
    output.open.append(UInt8(ascii: "}"))
    return KeyedEncodingContainer(
      ObjectWriter(codingPath: codingPath, output: output, depth: output.open.count))
  }

  package func unkeyedContainer() -> any UnkeyedEncodingContainer {
    output.writer.beginArray()
    output.open.append(UInt8(ascii: "]"))
    return ArrayWriter(codingPath: codingPath, output: output, depth: output.open.count)
  }

  package func singleValueContainer() -> any SingleValueEncodingContainer {
    ValueWriter(codingPath: codingPath, output: output)
  }
}

private func finite(
  _ value: Double, _ path: [any CodingKey]
) throws -> String {
  guard value.isFinite else {
    throw EncodingError.invalidValue(
      value, EncodingError.Context(codingPath: path, debugDescription: "JSON has no such number"))
  }
  return "\(value)"
}

private struct ValueWriter: SingleValueEncodingContainer {
  let codingPath: [any CodingKey]
  let output: JSONEncoding.Output

  func encodeNil() throws { output.writer.null() }
  func encode(_ value: Bool) throws { output.writer.bool(value) }
  func encode(_ value: String) throws { output.writer.text(value) }
  func encode(_ value: Double) throws { output.writer.literal(try finite(value, codingPath)) }
  func encode(_ value: Float) throws { try encode(Double(value)) }
  func encode(_ value: Int) throws { output.writer.integer(value) }
  func encode(_ value: Int8) throws { output.writer.integer(value) }
  func encode(_ value: Int16) throws { output.writer.integer(value) }
  func encode(_ value: Int32) throws { output.writer.integer(value) }
  func encode(_ value: Int64) throws { output.writer.integer(value) }
  func encode(_ value: UInt) throws { output.writer.integer(value) }
  func encode(_ value: UInt8) throws { output.writer.integer(value) }
  func encode(_ value: UInt16) throws { output.writer.integer(value) }
  func encode(_ value: UInt32) throws { output.writer.integer(value) }
  func encode(_ value: UInt64) throws { output.writer.integer(value) }
  func encode(_ value: some Encodable) throws {
    try JSONEncoding(codingPath: codingPath, output: output).encode(value)
  }
}

private struct ObjectWriter<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let codingPath: [any CodingKey]
  let output: JSONEncoding.Output
  /// Brackets open when this object is the innermost.
  let depth: Int

  private func value(_ key: Key) -> ValueWriter {
    output.close(to: depth)
    output.writer.name(key.stringValue)
    return ValueWriter(codingPath: codingPath + [key], output: output)
  }

  func encodeNil(forKey key: Key) throws { try value(key).encodeNil() }
  func encode(_ encoded: Bool, forKey key: Key) throws { try value(key).encode(encoded) }
  func encode(_ encoded: String, forKey key: Key) throws { try value(key).encode(encoded) }
  func encode(_ encoded: Double, forKey key: Key) throws { try value(key).encode(encoded) }
  func encode(_ encoded: Float, forKey key: Key) throws { try value(key).encode(encoded) }
  func encode(_ encoded: Int, forKey key: Key) throws { try value(key).encode(encoded) }
  func encode(_ encoded: Int8, forKey key: Key) throws { try value(key).encode(encoded) }
  func encode(_ encoded: Int16, forKey key: Key) throws { try value(key).encode(encoded) }
  func encode(_ encoded: Int32, forKey key: Key) throws { try value(key).encode(encoded) }
  func encode(_ encoded: Int64, forKey key: Key) throws { try value(key).encode(encoded) }
  func encode(_ encoded: UInt, forKey key: Key) throws { try value(key).encode(encoded) }
  func encode(_ encoded: UInt8, forKey key: Key) throws { try value(key).encode(encoded) }
  func encode(_ encoded: UInt16, forKey key: Key) throws { try value(key).encode(encoded) }
  func encode(_ encoded: UInt32, forKey key: Key) throws { try value(key).encode(encoded) }
  func encode(_ encoded: UInt64, forKey key: Key) throws { try value(key).encode(encoded) }
  func encode(_ encoded: some Encodable, forKey key: Key) throws {
    try value(key).encode(encoded)
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy keyType: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    nestedEncoder(key).container(keyedBy: keyType)
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    nestedEncoder(key).unkeyedContainer()
  }

  func superEncoder() -> any Encoder { JSONEncoding(codingPath: codingPath, output: output) }
  func superEncoder(forKey key: Key) -> any Encoder { nestedEncoder(key) }

  private func nestedEncoder(_ key: Key) -> JSONEncoding {
    let writer = value(key)
    return JSONEncoding(codingPath: writer.codingPath, output: output)
  }
}

private struct ArrayWriter: UnkeyedEncodingContainer {
  let codingPath: [any CodingKey]
  let output: JSONEncoding.Output
  let depth: Int
  private(set) var count = 0

  init(codingPath: [any CodingKey], output: JSONEncoding.Output, depth: Int) {
    self.codingPath = codingPath
    self.output = output
    self.depth = depth
  }

  private mutating func value() -> ValueWriter {
    output.close(to: depth)
    defer { count += 1 }
    return ValueWriter(codingPath: codingPath + [AnyKey(count)], output: output)
  }

  mutating func encodeNil() throws { try value().encodeNil() }
  mutating func encode(_ encoded: some Encodable) throws { try value().encode(encoded) }

  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy keyType: Nested.Type
  ) -> KeyedEncodingContainer<Nested> {
    JSONEncoding(codingPath: value().codingPath, output: output).container(keyedBy: keyType)
  }

  mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    JSONEncoding(codingPath: value().codingPath, output: output).unkeyedContainer()
  }

  mutating func superEncoder() -> any Encoder {
    JSONEncoding(codingPath: value().codingPath, output: output)
  }
}
