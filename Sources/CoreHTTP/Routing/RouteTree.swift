import HTTPMessages

/// Routes by the segments of their patterns. A literal segment wins over a parameter; where the
/// literal leads nowhere, the parameter is tried.
///
/// Plain numbers in flat arrays, linked by their positions: to look a path up retains nothing.
struct RouteTree: Sendable {
  private struct Node {
    var firstLiteral: Int?
    var parameter: Int?
    var firstRoute: Int?
  }

  /// A step from one node to another by a segment that is written out.
  private struct Literal {
    /// `beginning(of:)` its segment.
    let beginning: UInt64
    /// Within `texts`.
    let segment: Range<Int>
    let node: Int
    /// The next one of the same node.
    let next: Int?
  }

  /// A route that ends at a node.
  private struct End {
    let method: HTTPMethod
    let route: Int
    /// The next one of the same node.
    let next: Int?
  }

  private var nodes = [Node()]
  private var literals: [Literal] = []
  private var ends: [End] = []
  /// The bytes of all literals.
  private var texts: [UInt8] = []

  // MARK: Building

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
    if let present = self.route(for: method, at: node) { return present }
    ends.append(End(method: method, route: route, next: nodes[node].firstRoute))
    nodes[node].firstRoute = ends.count - 1
    return nil
  }

  private mutating func literal(_ bytes: [UInt8], of node: Int) -> Int {
    if let present = step(from: node, by: bytes.span) { return present }
    let start = texts.count
    texts += bytes
    nodes.append(Node())
    literals.append(
      Literal(
        beginning: Self.beginning(of: bytes.span), segment: start..<texts.count,
        node: nodes.count - 1, next: nodes[node].firstLiteral))
    nodes[node].firstLiteral = literals.count - 1
    return nodes.count - 1
  }

  private mutating func parameter(of node: Int) -> Int {
    if let present = nodes[node].parameter { return present }
    nodes.append(Node())
    nodes[node].parameter = nodes.count - 1
    return nodes.count - 1
  }

  // MARK: Looking up

  /// Finds the node where a path ends, if routes do too.
  ///
  /// - Parameters:
  ///   - path: not decoded; begins with `/`. Each segment is decoded by itself, so that an escaped
  ///     slash stays inside its segment.
  ///   - values: set to the segments that stand for parameters, decoded, in order.
  func find(_ path: Span<UInt8>, values: inout [String]) -> Int? {
    guard path.count > 0, path[0] == UInt8(ascii: "/") else { return nil }
    return find(path, segmentAt: 1, from: 0, &values)
  }

  /// The route of that method which ends at `node`.
  func route(for method: HTTPMethod, at node: Int) -> Int? {
    var next = nodes[node].firstRoute
    while let position = next {
      if ends[position].method == method { return ends[position].route }
      next = ends[position].next
    }
    return nil
  }

  private func find(
    _ path: Span<UInt8>, segmentAt start: Int, from node: Int, _ values: inout [String]
  ) -> Int? {
    var end = ByteScan.endOfPlainSegment(path, from: start)
    guard end < path.count, path[end] == UInt8(ascii: "%") else {
      return find(path, behind: path.extracting(start..<end), at: end, from: node, &values)
    }
    while end < path.count, path[end] != UInt8(ascii: "/") { end += 1 }
    // The parser has checked the escapes; a request made by hand may have others.
    guard let segment = PercentEncoding.decode(path.copy(start..<end)) else { return nil }
    return find(path, behind: segment.span, at: end, from: node, &values)
  }

  /// Goes on behind a segment, which ends at `position`.
  private func find(
    _ path: Span<UInt8>, behind segment: Span<UInt8>, at position: Int, from node: Int,
    _ values: inout [String]
  ) -> Int? {
    if let next = step(from: node, by: segment),
      let found = goOn(path, at: position, from: next, &values)
    {
      return found
    }
    guard let next = nodes[node].parameter, segment.count > 0, let value = Self.text(of: segment)
    else { return nil }
    values.append(value)
    if let found = goOn(path, at: position, from: next, &values) { return found }
    values.removeLast()
    return nil
  }

  /// - Returns: nil for what is no UTF-8.
  private static func text(of segment: Span<UInt8>) -> String? {
    // (`String(validating:as:)` is generic code of the library, and looks for its types at each call.)
    do throws(UTF8.ValidationError) {
      return String(copying: try UTF8Span(validating: segment))
    } catch {
      return nil
    }
  }

  private func goOn(
    _ path: Span<UInt8>, at position: Int, from node: Int, _ values: inout [String]
  ) -> Int? {
    if position < path.count { return find(path, segmentAt: position + 1, from: node, &values) }
    return nodes[node].firstRoute == nil ? nil : node
  }

  private func step(from node: Int, by segment: Span<UInt8>) -> Int? {
    let beginning = Self.beginning(of: segment)
    var next = nodes[node].firstLiteral
    while let position = next {
      let literal = literals[position]
      if literal.beginning == beginning, texts.span.extracting(literal.segment).equals(segment) {
        return literal.node
      }
      next = literal.next
    }
    return nil
  }

  /// The first eight bytes, or the count of fewer ones: what tells most segments apart.
  private static func beginning(of segment: Span<UInt8>) -> UInt64 {
    segment.count < 8
      ? UInt64(segment.count)
      : segment.bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self)
  }
}
