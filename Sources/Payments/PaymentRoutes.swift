import HTTPMessages
import ServiceKit
import SharedKernel

/// The endpoints for customers, guests and staff.
struct PaymentRoutes {
  let payments: PaymentService
  let access: PaymentAccess
  /// Keyed hash, for the ids of operations that keys of staff name.
  let fingerprint: @Sendable ([UInt8]) -> [UInt8]

  func add(to routes: inout Routes) {
    routes.get("/payments", access: .customer) { try await list($0) }
    routes.get("/payments/{id}", access: .optional) { try await show($0) }
    routes.get("/payments/{id}/operations", access: .optional) { try await operations($0) }
    routes.post("/payments/{id}/confirm", access: .optional) { try await confirm($0) }
    routes.post("/payments/{id}/captures", access: .staff, key: .required) {
      try await perform(.capture, $0)
    }
    routes.post("/payments/{id}/refunds", access: .staff, key: .required) {
      try await perform(.refund, $0)
    }
    routes.post("/payments/{id}/cancel", access: .staff) { try await cancel($0) }
    routes.get("/test-tokens", access: .anyone) { _ in
      // Only the simulator has them.
      guard payments.challenges != nil else { throw NotFound("test token") }
      return try testTokens()
    }
  }

  private func list(_ call: Call) async throws -> HTTPResponse {
    let query = try call.query(pageParameters.union(["orderId", "state", "from", "to"]))
    var filter = PaymentFilter()
    filter.userID = call.caller.isStaff ? nil : call.caller.userID
    filter.orderID = try query.value("orderId")
    filter.from = try query.value("from")
    filter.to = try query.value("to")
    if let state = query.text("state") {
      guard let known = PaymentState(rawValue: state) else {
        throw ValidationFailure("state", "invalid", "is not a state of a payment")
      }
      filter.state = known
    }
    let page = try await payments.store.payments(filter, page: try query.page())
    return try .page(page.map { access.body(of: $0) }, of: call).counting(page.total)
  }

  private func show(_ call: Call) async throws -> HTTPResponse {
    let payment = try await visible(call)
    if call.clientHas(version: payment.version) {
      return .notModified(ETag(version: payment.version)).adding(.cacheControl, "no-store")
    }
    return try .json(access.body(of: payment), version: payment.version)
      .adding(.cacheControl, "no-store")
  }

  private func operations(_ call: Call) async throws -> HTTPResponse {
    try .json(try await visible(call).operations.map(OperationBody.init))
      .adding(.cacheControl, "no-store")
  }

  private func confirm(_ call: Call) async throws -> HTTPResponse {
    enum Challenge: String { case approve, reject }
    struct Confirmation: Decodable { let challenge: String }
    try PaymentError.refuseCardData(in: call.request.body)
    let payment = try await visible(call)
    let challenge = Challenge(rawValue: try call.json(Confirmation.self).challenge)
    var validation = Validation()
    validation.require(challenge != nil, "/challenge", "unknown", "must be approve or reject")
    try validation.finish()
    let answer = try await payments.confirm(payment.id, approve: challenge == .approve)
    return try .json(access.body(of: answer.payment), version: answer.payment.version)
  }

  // MARK: By staff

  /// The key names the operation, so that the same key is the same operation, as it stands by then.
  private func perform(
    _ kind: PaymentOperation.Kind, _ call: Call
  ) async throws -> HTTPResponse {
    struct Body: Decodable {
      let amount: Int64?
      let reason: String?
    }
    try PaymentError.refuseCardData(in: call.request.body)
    let body = try call.request.body.isEmpty ? Body(amount: nil, reason: nil) : call.json()
    if kind == .refund, body.amount == nil {
      throw ValidationFailure("/amount", "required", "is required")
    }
    guard let key = call.idempotencyKey else { preconditionFailure("the route requires a key") }
    let command = try StaffCommand(
      kind, id: .named(by: fingerprint(Array("\(call.principal)\n\(key)".utf8))),
      amount: body.amount, reason: body.reason, requestHash: call.fingerprint)
    let answer = try await payments.perform(command, on: call.parameter("id"))
    let payment = access.body(of: answer.payment)
    let version = answer.payment.version
    let response: HTTPResponse =
      switch answer.operation.state {
      case .succeeded: try .json(payment, status: .created, version: version)
      case .pending, .waiting:
        try .json(payment, status: .accepted, version: version).adding(.retryAfter, "1")
      case .failed:
        .problem(answer.declined, instance: call.request.path, requestID: call.requestID)
      }
    return answer.isNew ? response : response.adding("Idempotent-Replayed", "true")
  }

  private func cancel(_ call: Call) async throws -> HTTPResponse {
    let id: PaymentID = try call.parameter("id")
    _ = try await payments.existing(id)
    let answer = try await payments.close(id)
    let isDone = answer.outcome != .underway
    let response = try HTTPResponse.json(
      access.body(of: answer.payment), status: isDone ? .ok : .accepted,
      version: answer.payment.version)
    return isDone ? response : response.adding(.retryAfter, "1")
  }

  // MARK: Looking

  /// The payment of the path, if the caller may see it.
  ///
  /// - Throws: `NotFound` also for someone else's, so that ids cannot be probed.
  private func visible(_ call: Call) async throws -> Payment {
    let payment = try await payments.existing(try call.parameter("id"))
    guard access.allows(call.caller, token: call.accessToken, payment) else {
      throw NotFound("payment")
    }
    return payment
  }

  private func testTokens() throws -> HTTPResponse {
    struct TestToken: Encodable {
      let token: String
      let summary: String
    }
    return try .json(
      SimulatorToken.allCases.map { TestToken(token: $0.rawValue, summary: $0.summary) })
  }
}

extension PaymentError {
  /// - Throws: `.cardData` if a card number seems to be in the body.
  static func refuseCardData(in body: [UInt8]) throws(PaymentError) {
    if CardNumber.isPresent(in: body) { throw .cardData }
  }
}

extension PaymentError: RetryableFailure {
  package var retryAfter: Duration? { self == .inProgress ? .seconds(1) : nil }
}
