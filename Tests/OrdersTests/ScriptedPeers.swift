import HTTPMessages
import ServiceKit
import SharedKernel
import Synchronization

@testable import Orders

/// The calls that checkout makes, as tests script and count them.
enum PeerCall: String, CaseIterable, Sendable {
  case quote, hold, commit, release, authorize, capture, cancel, fulfil, restock, refund

  /// Those of a checkout that succeeds, behind the quote.
  static let forward: [PeerCall] = [.hold, .authorize, .commit, .capture]
}

/// What happens to one call instead of, or besides, what it asks for.
enum PeerFault: Sendable {
  /// It never arrives.
  case unreachable
  /// It is done, and its answer is lost.
  case answerLost
  /// The peer answers this status and does nothing.
  case status(Int)
  /// It is done; before its answer arrives, this happens.
  case meanwhile(@Sendable () async throws -> Void)
}

/// The product and the payment service as checkout knows them, in memory: idempotent, with tombstones.
/// Faults are taken one for each call, in order.
final class ScriptedPeers: Sendable {
  struct State {
    var faults: [PeerCall: [PeerFault]] = [:]
    var calls: [PeerCall] = []
    var reservations: [String: Reservation] = [:]
    var payments: [String: Payment] = [:]
    /// Units that each shipment took and each refund brought back.
    var shipped: [String: [SagaInput.Line]] = [:]
    var restocked: [String: [SagaInput.Line]] = [:]
    var available: [Int: Int] = [1: 1000, 2: 1]
    var refundsWait = false
    var operationsDeclined = false
  }

  struct Reservation: Equatable {
    var state: String
    var lines: [Int: Int] = [:]
  }

  struct Payment: Equatable {
    var state: String
    var amount: Int64 = 0
    var authorized: Int64 = 0
    var captured: Int64 = 0
    var refunded: Int64 = 0
    var version: Int64 = 1
    /// Times that money was held, and taken.
    var authorizations = 0
    var captures = 0
    /// What was captured and refunded under which id.
    var operations: [String: Int64] = [:]
  }

  private let state = Mutex(State())

  var calls: [PeerCall] { state.withLock { $0.calls } }
  var payments: [Payment] { state.withLock { Array($0.payments.values) } }
  var reservations: [Reservation] { state.withLock { Array($0.reservations.values) } }

  var shipped: [[SagaInput.Line]] { state.withLock { Array($0.shipped.values) } }
  var restocked: [[SagaInput.Line]] { state.withLock { Array($0.restocked.values) } }

  func available(_ variant: Int) -> Int { state.withLock { $0.available[variant, default: 0] } }

  func script(_ call: PeerCall, _ faults: PeerFault...) {
    state.withLock { $0.faults[call, default: []] += faults }
  }

  func forgetFaults() {
    state.withLock { $0.faults = [:] }
  }

  /// The provider does the refunds that it has taken on.
  func settleRefunds() {
    state.withLock { $0.refundsWait = false }
  }

  /// From now on the provider takes refunds on, and does them later.
  func delayRefunds() {
    state.withLock { $0.refundsWait = true }
  }

  /// From now on the provider declines captures and refunds.
  func declineOperations(_ isDeclining: Bool = true) {
    state.withLock { $0.operationsDeclined = isDeclining }
  }

  /// The customer or the provider goes on with the payment that waits.
  func settlePayments(as newState: String) {
    state.withLock { state in
      for (id, var payment) in state.payments where payment.state == "requires_action" {
        payment.state = newState
        payment.version += 1
        if newState == "authorized" {
          payment.authorized = payment.amount
          payment.authorizations += 1
        }
        state.payments[id] = payment
      }
    }
  }

  func paymentID() -> PaymentID? {
    state.withLock { $0.payments.keys.first.flatMap { PaymentID($0) } }
  }

  var product: some Upstream { PeerUpstream(name: "product-service", answer: answer) }
  var payment: some Upstream { PeerUpstream(name: "payment-service", answer: answer) }

  private struct PeerUpstream: Upstream {
    let name: String
    let answer: @Sendable (HTTPRequest) async throws -> HTTPResponse

    func send(_ request: HTTPRequest, options: CallOptions) async throws -> HTTPResponse {
      try await answer(request)
    }
  }

  // MARK: Answering

  private func answer(_ request: HTTPRequest) async throws -> HTTPResponse {
    let parts = request.path.split(separator: "/").map(String.init)
    let call = Self.call(request.method, parts)
    let fault = state.withLock { state -> PeerFault? in
      state.calls.append(call)
      guard state.faults[call]?.isEmpty == false else { return nil }
      return state.faults[call]?.removeFirst()
    }
    switch fault {
    case .unreachable:
      throw UpstreamFailure(target: "peer", reason: .unavailable, cause: "scripted")
    case .status(let code):
      return HTTPResponse(HTTPStatus(code))
    case .answerLost:
      _ = try perform(call, parts, request)
      throw UpstreamFailure(target: "peer", reason: .unavailable, cause: "scripted")
    case .meanwhile(let happens):
      let response = try perform(call, parts, request)
      try await happens()
      return response
    case nil:
      return try perform(call, parts, request)
    }
  }

  private static func call(_ method: HTTPMethod, _ parts: [String]) -> PeerCall {
    switch (parts[1], method, parts.count > 3 ? parts[3] : "") {
    case ("variants", _, _): .quote
    case ("reservations", .put, "fulfilments"): .fulfil
    case ("restocks", _, _): .restock
    case ("reservations", .put, _): .hold
    case ("reservations", _, "commit"): .commit
    case ("reservations", _, _): .release
    case (_, .put, "captures"): .capture
    case (_, .put, "refunds"): .refund
    case (_, .put, _): .authorize
    default: .cancel
    }
  }

  private func perform(
    _ call: PeerCall, _ parts: [String], _ request: HTTPRequest
  ) throws -> HTTPResponse {
    switch call {
    case .quote: try quote()
    case .hold: try hold(parts[2], request)
    case .commit: commit(parts[2])
    case .release: release(parts[2])
    case .authorize: try authorize(parts[2], request)
    case .capture: try capture(parts[2], as: parts[4], request)
    case .refund: try refund(parts[2], as: parts[4], request)
    case .fulfil: try fulfil(parts[2], as: parts[4], request)
    case .restock: try restock(parts[2], request)
    case .cancel: cancel(parts[2])
    }
  }

  // MARK: Product

  /// Product n has the one variant n, at n * 1000 minor units.
  private func quote() throws -> HTTPResponse {
    let variants = (1...3).map { id in
      """
      {"variantId":\(id),"productId":\(id),"variantCount":1,"name":"P\(id)","sku":"S\(id)",\
      "status":"active","money":{"amount":\(id * 1000),"currency":"USD"},"available":9}
      """
    }
    return json("[\(variants.joined(separator: ","))]")
  }

  private struct Hold: Decodable {
    let lines: [SagaInput.Line]
  }

  private func hold(_ id: String, _ request: HTTPRequest) throws -> HTTPResponse {
    let lines = try JSONDecoding.decode(Hold.self, from: request.body, allowingUnknown: true).lines
    return state.withLock { state in
      switch state.reservations[id]?.state {
      case "held", "committed": return json("{}")
      case let closed?: return problem(409, "reservation-closed", #","state":"\#(closed)""#)
      case nil: break
      }
      if let short = lines.first(where: { $0.quantity > state.available[$0.variantId, default: 0] })
      {
        state.reservations[id] = Reservation(state: "refused")
        return problem(
          409, "insufficient-stock",
          #","errors":[{"pointer":"/lines","code":"x","variantId":\#(short.variantId),"#
            + #""available":\#(state.available[short.variantId, default: 0])}]"#)
      }
      var reservation = Reservation(state: "held")
      for line in lines {
        state.available[line.variantId, default: 0] -= line.quantity
        reservation.lines[line.variantId] = line.quantity
      }
      state.reservations[id] = reservation
      return json("{}", 201)
    }
  }

  private func commit(_ id: String) -> HTTPResponse {
    state.withLock { state in
      guard let reservation = state.reservations[id] else { return problem(404, "not-found", "") }
      guard reservation.state == "held" || reservation.state == "committed" else {
        return problem(409, "reservation-closed", #","state":"\#(reservation.state)""#)
      }
      state.reservations[id]?.state = "committed"
      return json("{}")
    }
  }

  private func release(_ id: String) -> HTTPResponse {
    state.withLock { state in
      let reservation = state.reservations[id] ?? Reservation(state: "released")
      for (variant, quantity) in reservation.lines {
        state.available[variant, default: 0] += quantity
      }
      state.reservations[id] = Reservation(state: "released")
      return json("{}")
    }
  }

  /// The stock that was held for all orders is lost, as if it had expired and been sold.
  func loseHolds() {
    state.withLock { state in
      for id in state.reservations.keys { state.reservations[id]?.state = "released" }
    }
  }

  // MARK: Payment

  private struct Authorization: Decodable {
    let amount: Int64
    let token: String
  }

  private func authorize(_ id: String, _ request: HTTPRequest) throws -> HTTPResponse {
    let body = try JSONDecoding.decode(
      Authorization.self, from: request.body, allowingUnknown: true)
    return state.withLock { state in
      if let known = state.payments[id] {
        switch known.state {
        case "cancelled": return problem(409, "payment-closed", #","state":"cancelled""#)
        case "declined": return declined()
        default: return payment(known)
        }
      }
      var new = Payment(state: "authorized", amount: body.amount)
      switch body.token {
      case "tok_declined":
        new.state = "declined"
        state.payments[id] = new
        return declined()
      case "tok_requires_action":
        new.state = "requires_action"
      default:
        new.authorized = body.amount
        new.authorizations = 1
      }
      state.payments[id] = new
      return payment(new, 201)
    }
  }

  private struct Amount: Decodable {
    let amount: Int64
  }

  private func capture(
    _ id: String, as operation: String, _ request: HTTPRequest
  ) throws -> HTTPResponse {
    let amount = try JSONDecoding.decode(Amount.self, from: request.body).amount
    return state.withLock { state in
      guard var known = state.payments[id] else { return problem(404, "not-found", "") }
      if known.state == "cancelled" { return problem(409, "payment-closed", "") }
      if known.operations[operation] == nil {
        if state.operationsDeclined { return declined() }
        guard known.captured + amount <= known.authorized else {
          return problem(409, "invalid-state-transition", "")
        }
        known.operations[operation] = amount
        known.captured += amount
        known.captures += 1
        known.state = known.captured == known.amount ? "captured" : "authorized"
        known.version += 1
      }
      state.payments[id] = known
      return payment(known)
    }
  }

  private func refund(
    _ id: String, as operation: String, _ request: HTTPRequest
  ) throws -> HTTPResponse {
    let amount = try JSONDecoding.decode(Amount.self, from: request.body).amount
    return state.withLock { state in
      guard var known = state.payments[id] else { return problem(404, "not-found", "") }
      if known.operations[operation] == nil {
        if state.operationsDeclined { return declined() }
        guard known.refunded + amount <= known.captured else {
          return problem(409, "refund-exceeds-captured", #","refundable":0"#)
        }
        if state.refundsWait { return payment(known, 202) }
        known.operations[operation] = amount
        known.refunded += amount
        known.state = known.refunded == known.captured ? "refunded" : "partially_refunded"
        known.version += 1
      }
      state.payments[id] = known
      return payment(known)
    }
  }

  private struct Moved: Decodable {
    let lines: [SagaInput.Line]
  }

  private func fulfil(
    _ id: String, as shipment: String, _ request: HTTPRequest
  ) throws -> HTTPResponse {
    let lines = try JSONDecoding.decode(Moved.self, from: request.body).lines
    return state.withLock { state in
      guard state.reservations[id]?.state == "committed" else {
        return problem(409, "reservation-closed", #","state":"released""#)
      }
      if state.shipped[shipment] == nil {
        for line in lines {
          guard line.quantity <= state.reservations[id]?.lines[line.variantId] ?? 0 else {
            return problem(409, "over-shipped", #","remaining":0"#)
          }
          state.reservations[id]?.lines[line.variantId]? -= line.quantity
        }
        state.shipped[shipment] = lines
      }
      return json("{}")
    }
  }

  private func restock(_ refund: String, _ request: HTTPRequest) throws -> HTTPResponse {
    let lines = try JSONDecoding.decode(Moved.self, from: request.body).lines
    return state.withLock { state in
      if state.restocked[refund] == nil {
        for line in lines { state.available[line.variantId, default: 0] += line.quantity }
        state.restocked[refund] = lines
      }
      return json("{}")
    }
  }

  private func cancel(_ id: String) -> HTTPResponse {
    state.withLock { state in
      var known = state.payments[id] ?? Payment(state: "cancelled")
      if known.state != "cancelled" {
        known.state = "cancelled"
        known.refunded = known.captured
        known.authorized = known.captured
        known.version += 1
      }
      state.payments[id] = known
      return payment(known)
    }
  }

  private func payment(_ payment: Payment, _ status: Int = 200) -> HTTPResponse {
    let action =
      payment.state == "requires_action"
      ? #","nextAction":{"type":"challenge","url":"/x","accessToken":"secret"}"# : ""
    return json(
      """
      {"state":"\(payment.state)","authorized":\(payment.authorized),\
      "captured":\(payment.captured),"refunded":\(payment.refunded),\
      "version":\(payment.version)\(action)}
      """, status)
  }

  private func declined() -> HTTPResponse {
    problem(402, "payment-declined", #","declineCode":"stolen_card""#)
  }

  private func problem(_ status: Int, _ type: String, _ members: String) -> HTTPResponse {
    json(#"{"type":"\#(problemTypeBase)\#(type)","status":\#(status)\#(members)}"#, status)
  }

  private func json(_ text: String, _ status: Int = 200) -> HTTPResponse {
    var response = HTTPResponse(HTTPStatus(status), body: Array(text.utf8))
    response.fields[.contentType] = "application/json"
    return response
  }
}
