package import CoreHTTP
package import HTTPMessages
import SharedKernel

/// The routes of one service, each with who may call it and what it does with idempotency keys.
///
/// A handler decodes, calls and encodes; what it throws becomes a problem by the one table of
/// `FailureKind.problem`.
package struct Routes {
  /// Answers one call, on the loop of its connection. What it throws becomes a problem.
  package typealias Handler =
    nonisolated(nonsending) @Sendable (Call) async throws -> HTTPResponse

  /// One line of what `routes` prints.
  package struct Entry: Sendable {
    /// As it was added: HEAD is answered by GET's handler and has no entry.
    package let method: HTTPMethod
    /// `/products/{id}`.
    package let pattern: String
    /// Who may call it; printed as its description.
    package let access: Access
  }

  /// In the order in which they were added.
  package private(set) var entries: [Entry] = []
  /// What the server answers by.
  package private(set) var router = Router()
  private let kit: RequestKit

  /// - Parameter kit: surrounds every handler, and words the router's own refusals.
  package init(kit: RequestKit) {
    self.kit = kit
    router.refusal = { status, request in kit.refusal(status, request) }
  }

  /// Adds a route. HEAD is answered by it as well.
  ///
  /// - Precondition: no other route of this method has the same pattern; so for the others.
  package mutating func get(
    _ pattern: String, access: Access, load: LoadRule = .working, _ handle: @escaping Handler
  ) {
    add(.get, RouteRule(pattern: pattern, access: access, load: load), handle)
  }

  /// Adds a route.
  ///
  /// - Parameter bodyBytesMax: nil is the server's own limit (`HTTPLimits.bodyBytesMax`).
  package mutating func post(
    _ pattern: String, access: Access, key: KeyRule = .none, load: LoadRule = .working,
    bodyBytesMax: Int? = nil, _ handle: @escaping Handler
  ) {
    add(
      .post,
      RouteRule(pattern: pattern, access: access, key: key, load: load, bodyBytesMax: bodyBytesMax),
      handle)
  }

  /// Adds a route, which takes no idempotency key: the path says what is made.
  ///
  /// - Parameter bodyBytesMax: as for `post`.
  package mutating func put(
    _ pattern: String, access: Access, bodyBytesMax: Int? = nil, _ handle: @escaping Handler
  ) {
    add(.put, RouteRule(pattern: pattern, access: access, bodyBytesMax: bodyBytesMax), handle)
  }

  /// Adds a route, which takes no idempotency key.
  package mutating func patch(_ pattern: String, access: Access, _ handle: @escaping Handler) {
    add(.patch, RouteRule(pattern: pattern, access: access), handle)
  }

  /// Adds a route, which takes no idempotency key.
  package mutating func delete(_ pattern: String, access: Access, _ handle: @escaping Handler) {
    add(.delete, RouteRule(pattern: pattern, access: access), handle)
  }

  private mutating func add(
    _ method: HTTPMethod, _ rule: RouteRule, _ handle: @escaping Handler
  ) {
    entries.append(Entry(method: method, pattern: rule.pattern, access: rule.access))
    let kit = kit
    router.on(method, rule.pattern, bodyBytesMax: rule.bodyBytesMax) { request, parameters in
      await kit.answer(request, parameters, rule, handle)
    }
  }
}

/// What is settled about a route before its handler runs.
struct RouteRule: Sendable {
  let pattern: String
  let access: Access
  var key: KeyRule = .none
  var load: LoadRule = .working
  var bodyBytesMax: Int?
}
