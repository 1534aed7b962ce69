import Configuration

/// One thing wrong with the settings a program was started with.
package struct SettingsFault: Hashable, Sendable {
  /// The variable of the environment: `HTTP_PORT`.
  package let key: String
  /// What was found: nil when nothing was, `<redacted>` when it is secret.
  package let value: String?
  /// What would have been right.
  package let expected: String
  /// Where the value came from, or would have.
  package let source: String
}

extension SettingsFault: CustomStringConvertible {
  package var description: String {
    let found = value.map { "\"\($0)\"" } ?? "nothing"
    return "\(key): expected \(expected), found \(found) (\(source))"
  }
}

/// Every fault of the settings at once, so that one correction is enough.
package struct SettingsFailure: Error, Hashable, CustomStringConvertible {
  /// In the order in which the settings were read.
  package let faults: [SettingsFault]

  package var description: String {
    (["The settings cannot be used:"] + faults.map { "  \($0)" }).joined(separator: "\n")
  }
}

/// Reads settings one by one and collects what is wrong with them.
///
/// A key that is set to nothing counts as absent: compose files pass optional settings that way.
package struct SettingsReader {
  private static let source = "environment"
  /// What the text of a fault may repeat of a bad value.
  private static let shownCharactersMax = 80

  /// What was wrong so far; `finish` throws it.
  package private(set) var faults: [SettingsFault] = []
  private let values: ConfigReader
  private let secretKeys: Set<String>

  /// - Parameter secretKeys: keys whose values no fault shows.
  package init(environment: [String: String], secretKeys: Set<String>) {
    self.secretKeys = secretKeys
    values = ConfigReader(
      provider: EnvironmentVariablesProvider(
        environmentVariables: environment.filter { !$0.value.isEmpty },
        secretsSpecifier: .specific(secretKeys)))
  }

  /// The text of a key; nil when absent.
  package mutating func text(_ key: String) -> String? {
    guard isPresent(key) else { return nil }
    return read(key, expected: "text") { try $0.requiredString(forKey: $1, isSecret: $2) }
  }

  /// The text of a key that must be there; the fault is noted and "" returned when it is not.
  package mutating func requiredText(_ key: String, expected: String = "a value") -> String {
    if let value = text(key) { return value }
    note(key, expected: expected)
    return ""
  }

  /// A whole number in `range`; `default` when absent or, with a fault noted, wrong.
  package mutating func integer(
    _ key: String, default: Int, in range: ClosedRange<Int> = 0...Int.max
  ) -> Int {
    let expected =
      range.upperBound == .max
      ? "a whole number from \(range.lowerBound)"
      : "a whole number from \(range.lowerBound) to \(range.upperBound)"
    // swift-configuration's form with a default returns it for text that is no number, too.
    guard isPresent(key),
      let value = read(key, expected: expected, { try $0.requiredInt(forKey: $1, isSecret: $2) })
    else { return `default` }
    guard range.contains(value) else {
      note(key, expected: expected)
      return `default`
    }
    return value
  }

  /// `on`, `true`, `yes`, `1`, or `off`, `false`, `no`, `0`.
  package mutating func flag(_ key: String, default: Bool) -> Bool {
    guard let text = text(key) else { return `default` }
    switch text.lowercased() {
    case "on", "true", "yes", "1": return true
    case "off", "false", "no", "0": return false
    default:
      note(key, expected: "on or off")
      return `default`
    }
  }

  /// One of an enum's raw values.
  package mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ key: String, default: Choice
  ) -> Choice {
    let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    return parsed(key, expected: "one of \(names)") { Choice(rawValue: $0.lowercased()) }
      ?? `default`
  }

  /// `15s`, `500ms`, `2m`, or a whole number of seconds; nil for no bounds.
  package mutating func duration(
    _ key: String, default: Duration, in range: ClosedRange<Duration>? = nil
  ) -> Duration {
    let bounds = range.map { ", \($0.lowerBound) to \($0.upperBound)" } ?? ""
    return parsed(key, expected: "a duration such as 15s, 500ms or 2m\(bounds)") { text in
      parsedDuration(text).flatMap { range?.contains($0) == false ? nil : $0 }
    } ?? `default`
  }

  /// What `parse` makes of the text; nil when absent or, with a fault noted, when it returns nil.
  package mutating func parsed<Value>(
    _ key: String, expected: String, parse: (String) -> Value?
  ) -> Value? {
    guard let text = text(key) else { return nil }
    if let value = parse(text) { return value }
    note(key, expected: expected)
    return nil
  }

  /// Notes a fault of a key, with its value as found.
  package mutating func note(_ key: String, expected: String) {
    faults.append(
      SettingsFault(key: key, value: shown(key), expected: expected, source: Self.source))
  }

  /// - Throws: `SettingsFailure` if there is a fault.
  package func finish() throws(SettingsFailure) {
    if !faults.isEmpty { throw SettingsFailure(faults: faults) }
  }

  private func isPresent(_ key: String) -> Bool {
    values.string(forKey: ConfigKey([key])) != nil
  }

  private mutating func read<Value>(
    _ key: String, expected: String, _ body: (ConfigReader, ConfigKey, Bool) throws -> Value
  ) -> Value? {
    do {
      return try body(values, ConfigKey([key]), secretKeys.contains(key))
    } catch {
      note(key, expected: expected)
      return nil
    }
  }

  private func shown(_ key: String) -> String? {
    guard let value = values.string(forKey: ConfigKey([key])) else { return nil }
    if secretKeys.contains(key) { return "<redacted>" }
    return value.count > Self.shownCharactersMax
      ? "\(value.prefix(Self.shownCharactersMax))…" : value
  }
}

private func parsedDuration(_ text: String) -> Duration? {
  let digits = text.prefix { $0.isASCII && $0.isNumber }
  guard let count = Int64(digits), count <= 86_400_000 else { return nil }
  switch text.dropFirst(digits.count) {
  case "ms": return .milliseconds(count)
  case "", "s": return .seconds(count)
  case "m": return .seconds(count * 60)
  default: return nil
  }
}

extension Substring {
  fileprivate func trimmingSpaces() -> String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
