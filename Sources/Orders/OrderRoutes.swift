import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// Orders over HTTP.
struct OrderRoutes: Sendable {
  static let waitStandard: Duration = .seconds(5)
  static let tokenKind = "order"

  let orders: OrderService
  let secrets: ServiceSecrets

  func add(to routes: inout Routes) {
    routes.post("/orders", access: .optional, key: .optional, load: .waiting) {
      try await place($0)
    }
    routes.get("/orders", access: .customer) { try await list($0) }
    routes.get("/orders/{id}", access: .optional, load: .waitingIfAsked) { try await one($0) }
    routes.get("/orders/{id}/history", access: .optional) { try await history($0) }
    routes.post("/orders/{id}/cancel", access: .optional, load: .waiting) { try await cancel($0) }
    routes.get("/internal/orders/{id}", access: .services(["notification-service"])) { call in
      try .json(OrderView(try await orders.order(call.parameter("id")), isForOwner: false))
    }
  }

  // MARK: Buying

  private func place(_ call: Call) async throws -> HTTPResponse {
    let body: PlaceOrder = try call.json()
    let userID = call.caller.userID
    let placement = try await orders.place(
      OrderRequest(body, isGuest: userID == nil), by: userID, call.orderKey,
      wait: call.waitPreference(standard: Self.waitStandard))
    return try CheckoutAnswer(secrets: secrets).response(to: placement, call)
  }

  // MARK: Looking

  private func list(_ call: Call) async throws -> HTTPResponse {
    let query = try call.query(
      pageParameters.union([
        "state", "paymentStatus", "from", "to", "email", "number", "attention", "sort",
      ]))
    var filter = OrderFilter()
    filter.userID = call.caller.isStaff ? nil : call.caller.userID
    filter.state = try query.choice("state")
    filter.paymentStatus = try query.choice("paymentStatus")
    filter.from = try query.value("from")
    filter.to = try query.value("to")
    filter.number = try query.value("number")
    filter.needsAttention = try query.value("attention")
    filter.email = query.text("email")
    if filter.email != nil && !call.caller.isStaff {
      throw ValidationFailure("email", "staff_only", "is for staff")
    }
    switch query.text("sort") {
    case nil, "-createdAt": filter.isOldestFirst = false
    case "createdAt": filter.isOldestFirst = true
    default: throw ValidationFailure("sort", "invalid", "must be createdAt or -createdAt")
    }
    let list = try await orders.list(filter, query.page(), isForOwner: !call.caller.isStaff)
    return HTTPResponse.json(bytes: list.json).linking(to: list.next, of: call).counting(list.total)
  }

  private func one(_ call: Call) async throws -> HTTPResponse {
    var order = try await visible(call)
    let wait = call.waitPreference(standard: .zero)
    let awaitsChange =
      call.hasCondition ? call.clientHas(version: Int(order.version)) : !order.state.isAtRest
    if wait > .zero, awaitsChange {
      order = try await orders.order(order.id, otherThan: order.version, wait: wait)
    }
    let version = Int(order.version)
    if call.clientHas(version: version) {
      return .notModified(ETag(version: version)).adding(.cacheControl, "no-store")
    }
    return try HTTPResponse.json(
      OrderView(order, isForOwner: !call.caller.isStaff), version: version
    )
    .adding(.cacheControl, "no-store")
  }

  private func history(_ call: Call) async throws -> HTTPResponse {
    let order = try await visible(call)
    return try HTTPResponse.json(try await orders.history(of: order.id))
      .adding(.cacheControl, "no-store")
  }

  // MARK: Cancelling

  private func cancel(_ call: Call) async throws -> HTTPResponse {
    struct Body: Decodable {
      let reason: String?
    }
    let order = try await visible(call)
    var reason: String?
    if !call.request.body.isEmpty {
      reason = try call.json(Body.self).reason
      var validation = Validation()
      if let reason { validation.requireText(reason, "/reason", length: 0...200) }
      try validation.finish()
    }
    let cancelled = try await orders.cancel(
      order.id, CancelRequest(reason: reason, actor: call.principal),
      wait: call.waitPreference(standard: Self.waitStandard))
    let isDone = cancelled.state == .cancelled
    let response = try HTTPResponse.json(
      OrderView(cancelled, isForOwner: !call.caller.isStaff), status: isDone ? .ok : .accepted,
      version: Int(cancelled.version))
    return isDone ? response : response.adding(.retryAfter, "1")
  }

  // MARK: Whose

  /// The order of the path, if it is the caller's: its user's, staff's, or for a guest's order whoever
  /// has its access token.
  ///
  /// - Throws: `NotFound` for others' orders too, so that ids cannot be probed.
  private func visible(_ call: Call) async throws -> Order {
    let order = try await orders.order(call.parameter("id"))
    if call.caller.isStaff { return order }
    let isOwn =
      if let owner = order.userID {
        call.caller.userID == owner
      } else {
        call.accessToken.map {
          secrets.isValid($0, kind: Self.tokenKind, id: order.id.description)
        } ?? false
      }
    guard isOwn else { throw NotFound("order") }
    return order
  }
}

extension OrderError: RetryableFailure {
  package var retryAfter: Duration? {
    self == .keyInProgress || self == .operationInProgress ? .seconds(1) : nil
  }
}

extension Call {
  /// What makes this request one and the same.
  var orderKey: OrderKey {
    OrderKey(
      principal: principal, key: idempotencyKey ?? UUID128.v7().description,
      fingerprint: fingerprint)
  }

  fileprivate var hasCondition: Bool { request.fields.contains(.ifNoneMatch) }
}

extension QueryParameters {
  /// nil when absent.
  fileprivate func choice<Value: RawRepresentable & CaseIterable>(
    _ name: String
  ) throws(ValidationFailure) -> Value? where Value.RawValue == String {
    guard let text = text(name) else { return nil }
    guard let value = Value(rawValue: text) else {
      let names = Value.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationFailure(name, "invalid", "must be one of \(names)")
    }
    return value
  }
}
