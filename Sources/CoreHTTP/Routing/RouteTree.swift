import HTTPMessages

/// Routes by the segments of their patterns. A literal segment wins over a parameter; where the
/// literal leads nowhere, the parameter is tried.
struct RouteTree: Sendable {
  private struct Node: Sendable {
    var literals: [(segment: [UInt8], node: Int)] = []
    var parameter: Int?
    /// The routes that end here, one for each method.
    var routes: [(method: HTTPMethod, route: Int)] = []
  }

  private var nodes = [Node()]

  /// - Returns: the number of the route that has this pattern (whatever its names) and method
  ///   already; it stays.
  mutating func insert(
    _ pattern: RoutePattern, _ method: HTTPMethod, route: Int
  ) -> Int? {
    var node = 0
    for segment in pattern.segments {
      switch segment {
      case .literal(let bytes): node = literal(bytes, of: node)
      case .parameter: node = parameter(of: node)
      }
    }
    if let present = nodes[node].routes.first(where: { $0.method == method }) {
      return present.route
    }
    nodes[node].routes.append((method, route))
    return nil
  }

  /// The routes whose pattern fits the path, one for each method; empty if none does.
  ///
  /// - Parameters:
  ///   - path: not decoded; begins with `/`. Each segment is decoded by itself, so that an escaped
  ///     slash stays inside its segment.
  ///   - values: set to the segments that stand for parameters, decoded, in order.
  func find(
    _ path: ArraySlice<UInt8>, values: inout [String]
  ) -> [(method: HTTPMethod, route: Int)] {
    guard path.first == UInt8(ascii: "/"), let node = find(path.dropFirst(), from: 0, &values)
    else { return [] }
    return nodes[node].routes
  }

  /// The node where `path` ends, if routes do too.
  private func find(
    _ path: ArraySlice<UInt8>, from node: Int, _ values: inout [String]
  ) -> Int? {
    let slash = path.firstIndex(of: UInt8(ascii: "/"))
    var segment = path[..<(slash ?? path.endIndex)]
    if segment.contains(UInt8(ascii: "%")) {
      // The parser has checked the escapes; a request made by hand may have others.
      guard let decoded = PercentEncoding.decode(segment) else { return nil }
      segment = decoded[...]
    }
    let rest = slash.map { path[($0 + 1)...] }
    for literal in nodes[node].literals where segment == literal.segment[...] {
      if let found = end(rest, at: literal.node, &values) { return found }
    }
    guard let next = nodes[node].parameter, !segment.isEmpty,
      let value = String(validating: segment, as: UTF8.self)
    else { return nil }
    values.append(value)
    if let found = end(rest, at: next, &values) { return found }
    values.removeLast()
    return nil
  }

  private func end(
    _ rest: ArraySlice<UInt8>?, at node: Int, _ values: inout [String]
  ) -> Int? {
    if let rest { return find(rest, from: node, &values) }
    return nodes[node].routes.isEmpty ? nil : node
  }

  private mutating func literal(_ bytes: [UInt8], of node: Int) -> Int {
    if let present = nodes[node].literals.first(where: { $0.segment == bytes }) {
      return present.node
    }
    nodes.append(Node())
    nodes[node].literals.append((bytes, nodes.count - 1))
    return nodes.count - 1
  }

  private mutating func parameter(of node: Int) -> Int {
    if let present = nodes[node].parameter { return present }
    nodes.append(Node())
    nodes[node].parameter = nodes.count - 1
    return nodes.count - 1
  }
}
