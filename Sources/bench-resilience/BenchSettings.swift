/// What the command line says.
struct BenchSettings {
  /// Of each measurement.
  var milliseconds = 300
  var calls = BenchCall.allCases

  /// - Returns: nil for arguments that are none.
  init?(_ arguments: ArraySlice<String>) {
    var rest = arguments
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else { return nil }
      switch name {
      case "--milliseconds":
        guard let number = Int(value), (1...60_000).contains(number) else { return nil }
        milliseconds = number
      case "--calls":
        let named = value.split(separator: ",").map { BenchCall(rawValue: String($0)) }
        guard !named.isEmpty, !named.contains(nil) else { return nil }
        calls = named.compactMap(\.self)
      default: return nil
      }
    }
  }
}
