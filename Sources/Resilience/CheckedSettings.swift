/// Settings whose ranges can be stated.
package protocol CheckableSettings: Sendable, Equatable {
  /// Every value out of range; empty when the settings can be used.
  var faults: [SettingFault] { get }
}

/// One value out of range.
package struct SettingFault: Equatable, Sendable, CustomStringConvertible {
  package let field: String
  package let value: String
  package let allowed: String

  package var description: String { "\(field) is \(value), allowed: \(allowed)" }

  /// A fault unless `value` is in `range`.
  static func unless<Value: Comparable>(
    _ field: String, _ value: Value, in range: ClosedRange<Value>
  ) -> [SettingFault] {
    range.contains(value)
      ? []
      : [
        SettingFault(
          field: field, value: "\(value)", allowed: "\(range.lowerBound) to \(range.upperBound)")
      ]
  }
}

/// Why settings were refused: all faults at once.
package struct InvalidSettings: Error, Equatable, CustomStringConvertible {
  package let faults: [SettingFault]

  package var description: String { faults.map(\.description).joined(separator: "; ") }
}

/// Settings that were checked: a policy made from them has nothing left to refuse.
@dynamicMemberLookup
package struct Checked<Settings: CheckableSettings>: Sendable, Equatable {
  package let settings: Settings

  /// - Throws: `InvalidSettings`, naming each field, its value and the allowed range.
  package init(_ settings: Settings) throws(InvalidSettings) {
    let faults = settings.faults
    guard faults.isEmpty else { throw InvalidSettings(faults: faults) }
    self.settings = settings
  }

  /// For the presets below, which a test checks.
  init(preset: Settings) {
    settings = preset
  }

  /// These settings with `change` made.
  ///
  /// - Throws: `InvalidSettings` when the changed settings are out of range.
  package func changing(_ change: (inout Settings) -> Void) throws(InvalidSettings) -> Self {
    var changed = settings
    change(&changed)
    return try Checked(changed)
  }

  package subscript<Value>(dynamicMember field: KeyPath<Settings, Value>) -> Value {
    settings[keyPath: field]
  }
}
