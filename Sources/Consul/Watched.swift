/// What a watch of Consul keeps: a list of instances, or a key's value.
protocol Watched: Equatable, Sendable {
  /// Whether Consul knows nothing of the kind. From an agent that has just come back this is not
  /// believed at once.
  var isAbsent: Bool { get }
}

extension Array: Watched where Element == Endpoint {
  var isAbsent: Bool { isEmpty }
}

extension Optional: Watched where Wrapped == String {
  var isAbsent: Bool { self == nil }
}
