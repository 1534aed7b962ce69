import Foundation

/// The agent's JSON. Its keys are Go's (`ID`, `CheckID`, `LockIndex`, `HTTP`), ours begin in lower
/// case (`id`, `checkID`, `lockIndex`, `http`). The keys of dictionaries are data and stay as they
/// are.
enum ConsulJSON {
  static func decode<Value: Decodable>(_: Value.Type, _ bytes: [UInt8]) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .custom { path in Key(stringValue: ours(path.name)) }
    return try decoder.decode(Value.self, from: Data(bytes))
  }

  static func encode(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .custom { path in Key(stringValue: gos(path.name)) }
    return Array(try encoder.encode(value))
  }

  private static func ours(_ key: String) -> String {
    let isAcronym = key.allSatisfy(\.isUppercase)
    return isAcronym ? key.lowercased() : key.prefix(1).lowercased() + key.dropFirst()
  }

  private static func gos(_ key: String) -> String {
    switch key {
    case "id", "http", "ttl": key.uppercased()
    default: key.prefix(1).uppercased() + key.dropFirst()
    }
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}

extension [any CodingKey] {
  fileprivate var name: String { last?.stringValue ?? "" }
}
