package import HTTPMessages

/// Finds the handler for a request by its path and method, and answers what no handler is for: 404,
/// 405 with `Allow`, OPTIONS, and HEAD by the handler of GET.
package struct Router: ServerHandler {
  /// May suspend; runs in the connection's task. What it throws is answered 500.
  package typealias Handler =
    @Sendable (HTTPRequest, PathParameters) async throws -> HTTPResponse
  /// Answers on the spot, on the loop, so it must not block.
  package typealias ImmediateHandler =
    @Sendable (HTTPRequest, PathParameters) throws -> HTTPResponse

  /// What is known about a request's route.
  package enum Match: Sendable {
    case found(Route, PathParameters)
    /// The path has routes, but none of this method; these methods it has, HEAD and OPTIONS included.
    case methodNotAllowed([HTTPMethod], pattern: String)
    case notFound
  }

  /// One registered route. A class, so that finding it costs one retain rather than six.
  package final class Route: Sendable {
    /// How the route answers.
    package enum Answering: Sendable {
      case immediate(ImmediateHandler)
      case suspending(Handler)
    }
    package let method: HTTPMethod
    /// Its text is the label of metrics and logs.
    package let pattern: RoutePattern
    /// nil: the server's own limit.
    package let bodyBytesMax: Int?
    package let answering: Answering
    let parameterNames: [String]

    init(
      _ method: HTTPMethod, _ pattern: RoutePattern, bodyBytesMax: Int?, _ answering: Answering
    ) {
      self.method = method
      self.pattern = pattern
      self.bodyBytesMax = bodyBytesMax
      self.answering = answering
      parameterNames = pattern.segments.compactMap {
        if case .parameter(let name) = $0 { name } else { nil }
      }
    }
  }

  /// Makes the answers of 404 and 405; `Allow` is added to what it returns.
  package var refusal: @Sendable (HTTPStatus, HTTPRequest) -> HTTPResponse = { status, _ in
    ProblemBody.response(status)
  }

  private var tree = RouteTree()
  private var table: [Route] = []

  /// Without routes: everything is 404.
  package init() {}

  /// Every route, in the order of registration.
  package var routes: [(method: HTTPMethod, pattern: String)] {
    table.map { ($0.method, $0.pattern.text) }
  }

  /// Registers a handler that may suspend.
  ///
  /// - Precondition: no route of that method has the same pattern, whatever its names.
  package mutating func on(
    _ method: HTTPMethod, _ pattern: String, bodyBytesMax: Int? = nil, _ handle: @escaping Handler
  ) {
    add(method, pattern, bodyBytesMax, .suspending(handle))
  }

  /// Registers a handler that answers at once: no task is made for it. It must not block.
  package mutating func onSync(
    _ method: HTTPMethod, _ pattern: String, bodyBytesMax: Int? = nil,
    _ handle: @escaping ImmediateHandler
  ) {
    add(method, pattern, bodyBytesMax, .immediate(handle))
  }

  private mutating func add(
    _ method: HTTPMethod, _ pattern: String, _ bodyBytesMax: Int?, _ answering: Route.Answering
  ) {
    let pattern = RoutePattern(pattern)
    if let other = tree.insert(pattern, method, route: table.count) {
      preconditionFailure(
        "\(method.rawValue) \(pattern.text) is the same as \(table[other].pattern.text)")
    }
    table.append(Route(method, pattern, bodyBytesMax: bodyBytesMax, answering))
  }

  // MARK: Matching

  /// Finds the route of a request's path and method, with the values of the path's parameters.
  package func match(_ request: HTTPRequest) -> Match {
    var values: [String] = []
    guard let node = tree.find(request.pathBytes, values: &values) else { return .notFound }
    let number =
      tree.route(for: request.method, at: node)
      ?? (request.method == .head ? tree.route(for: .get, at: node) : nil)
    guard let number else {
      let present = HTTPMethod.allCases.filter { tree.route(for: $0, at: node) != nil }
      let route = present.first.flatMap { tree.route(for: $0, at: node) }
      return .methodNotAllowed(
        Self.allowed(present), pattern: route.map { table[$0].pattern.text } ?? "")
    }
    let route = table[number]
    guard !values.isEmpty else { return .found(route, PathParameters()) }
    return .found(route, PathParameters(Array(zip(route.parameterNames, values))))
  }

  private static func allowed(_ methods: [HTTPMethod]) -> [HTTPMethod] {
    HTTPMethod.allCases.filter { method in
      methods.contains(method) || method == .options
        || (method == .head && methods.contains(.get))
    }
  }

  // MARK: Answering

  /// As the route allows; nobody wants the body where no route is.
  package func bodyAdmission(for head: HTTPRequest) -> BodyAdmission {
    guard case .found(let route, _) = match(head) else { return .unwanted }
    return .whole(bytesMax: route.bodyBytesMax)
  }

  /// Answers at once what an immediate handler or no handler answers.
  package func begin(_ request: HTTPRequest) throws -> ServerAnswer {
    switch match(request) {
    case .found(let route, let parameters):
      switch route.answering {
      case .immediate(let handle):
        var response = try handle(request, parameters)
        response.route = route.pattern.text
        return .ready(response)
      case .suspending(let handle):
        return .later(
          PendingAnswer(handle: handle, parameters: parameters, route: route.pattern.text))
      }
    case .methodNotAllowed(let methods, let pattern):
      return .ready(answerOther(request, methods, pattern))
    case .notFound:
      if request.method == .options, request.path == "*" {
        return .ready(answerOther(request, Self.allowed(Array(Set(table.map(\.method)))), nil))
      }
      return .ready(refusal(.notFound, request))
    }
  }

  /// OPTIONS or a 405, both with `Allow`.
  private func answerOther(
    _ request: HTTPRequest, _ methods: [HTTPMethod], _ pattern: String?
  ) -> HTTPResponse {
    var response =
      request.method == .options
      ? HTTPResponse(.noContent) : refusal(.methodNotAllowed, request)
    response.fields[.allow] = methods.map(\.rawValue).joined(separator: ", ")
    response.route = pattern
    return response
  }
}
