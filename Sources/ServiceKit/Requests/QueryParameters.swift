package import HTTPMessages
package import SharedKernel

/// A request's query, its names known and each given once.
package struct QueryParameters: Sendable {
  private let values: [String: String]

  init(_ request: HTTPRequest, known: Set<String>) throws {
    guard request.query != nil else {
      values = [:]
      return
    }
    let items: [(name: String, value: String)]
    do {
      items = try request.queryItems
    } catch {
      throw Problem(.malformedRequest, "The query has a bad escape.")
    }
    var values: [String: String] = [:]
    var validation = Validation()
    for item in items {
      let isKnown =
        known.contains(item.name)
        || known.contains { $0.hasSuffix(".") && item.name.hasPrefix($0) }
      validation.require(isKnown, item.name, "unknown", "is not a parameter known here")
      validation.require(values[item.name] == nil, item.name, "repeated", "is given twice")
      values[item.name] = item.value
    }
    try validation.finish()
    self.values = values
  }

  /// The value, decoded; nil when absent.
  package func text(_ name: String) -> String? { values[name] }

  /// All parameters whose name begins so (`attr.`), without that prefix.
  package func all(prefix: String) -> [String: String] {
    var found: [String: String] = [:]
    for (name, value) in values where name.hasPrefix(prefix) {
      found[String(name.dropFirst(prefix.count))] = value
    }
    return found
  }

  /// nil when absent.
  ///
  /// - Throws: `ValidationFailure` for text that is no such value.
  package func value<Value: LosslessStringConvertible>(
    _ name: String, as type: Value.Type = Value.self
  ) throws(ValidationFailure) -> Value? {
    guard let text = values[name] else { return nil }
    guard let value = Value(text) else {
      throw ValidationFailure(name, "invalid", "is not a valid value")
    }
    return value
  }

  /// A comma-separated list; nil when absent.
  package func list<Value: LosslessStringConvertible>(
    _ name: String, of type: Value.Type = Value.self, countMax: Int = 100
  ) throws(ValidationFailure) -> [Value]? {
    guard let text = values[name] else { return nil }
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    guard parts.count <= countMax else {
      throw ValidationFailure(name, "too_many", "has more than \(countMax) values")
    }
    var list: [Value] = []
    for part in parts {
      guard let value = Value(part.trimmed) else {
        throw ValidationFailure(name, "invalid", "\"\(part)\" is not a valid value")
      }
      list.append(value)
    }
    return list
  }

  /// `limit`, `cursor` and `total`, which a list route adds to its known names as `pageParameters`.
  package func page() throws(ValidationFailure) -> PageRequest {
    try PageRequest(
      limit: try value("limit") ?? PageRequest.limitDefault, after: try value("cursor"),
      wantsTotal: try value("total") ?? false)
  }
}

/// The names that every list knows.
package let pageParameters: Set<String> = ["limit", "cursor", "total"]

extension HTTPResponse {
  /// A list with `X-Total-Count` where `total=true` asked for it.
  package consuming func counting(_ total: Int?) -> HTTPResponse {
    guard let total else { return self }
    return adding("X-Total-Count", "\(total)")
  }
}
