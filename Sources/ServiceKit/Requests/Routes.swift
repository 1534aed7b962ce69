package import CoreHTTP
package import HTTPMessages
import SharedKernel

/// The routes of one service, each with who may call it and what it does with idempotency keys.
///
/// A handler decodes, calls and encodes; what it throws becomes a problem by the one table of
/// `FailureKind.problem`.
package struct Routes {
  package typealias Handler =
    nonisolated(nonsending) @Sendable (Call) async throws -> HTTPResponse

  /// One line of what `routes` prints.
  package struct Entry: Sendable {
    package let method: HTTPMethod
    package let pattern: String
    package let access: Access
  }

  package private(set) var entries: [Entry] = []
  package private(set) var router = Router()
  private let kit: RequestKit

  package init(kit: RequestKit) {
    self.kit = kit
    router.refusal = { status, request in kit.refusal(status, request) }
  }

  package mutating func get(
    _ pattern: String, access: Access, load: LoadRule = .working, _ handle: @escaping Handler
  ) {
    add(.get, RouteRule(pattern: pattern, access: access, load: load), handle)
  }

  package mutating func post(
    _ pattern: String, access: Access, key: KeyRule = .none, load: LoadRule = .working,
    bodyBytesMax: Int? = nil, _ handle: @escaping Handler
  ) {
    add(
      .post,
      RouteRule(pattern: pattern, access: access, key: key, load: load, bodyBytesMax: bodyBytesMax),
      handle)
  }

  package mutating func put(
    _ pattern: String, access: Access, bodyBytesMax: Int? = nil, _ handle: @escaping Handler
  ) {
    add(.put, RouteRule(pattern: pattern, access: access, bodyBytesMax: bodyBytesMax), handle)
  }

  package mutating func patch(_ pattern: String, access: Access, _ handle: @escaping Handler) {
    add(.patch, RouteRule(pattern: pattern, access: access), handle)
  }

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
