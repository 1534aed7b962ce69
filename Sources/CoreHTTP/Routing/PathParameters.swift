/// The values that a path gives to its pattern's `{names}`, decoded.
package struct PathParameters: Sendable {
  private var values: [(name: String, value: String)] = []

  /// None, as a pattern without parameters gives.
  package init() {}

  /// In the order of the pattern.
  package init(_ values: [(name: String, value: String)]) {
    self.values = values
  }

  /// nil if the pattern has no such name.
  package subscript(_ name: String) -> String? {
    values.first { $0.name == name }?.value
  }
}
