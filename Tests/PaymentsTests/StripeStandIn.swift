import HTTPMessages
import ServiceKit
import SharedKernel
import Synchronization

@testable import Payments

/// Stripe in memory, for what localstripe lacks: keys that replay their answers (a stored 500 too) and
/// refuse other parameters, cards that decline, answers that get lost, checked amounts, search.
final class StripeStandIn: HTTPHandler {
  enum Fault: Sendable {
    /// The request never arrives.
    case unreachable
    /// It is done, and the answer is lost.
    case answerLost
    /// It is done, and something on the way answers in Stripe's place.
    case answerReplaced(status: Int, body: String)
    /// Stripe fails, does nothing, and remembers that for the key.
    case storedFailure
  }

  struct Intent: Sendable {
    let id: String
    let operation: String
    let amount: Int64
    let created: Int64
    var status: String
    var received: Int64 = 0
    var refunded: Int64 = 0
  }

  struct Refund: Sendable {
    let id: String
    let intent: String
    let operation: String
    let amount: Int64
    var status: String
  }

  struct State: Sendable {
    var faults: [Fault] = []
    var keys: [String: (parameters: String, answer: HTTPResponse)] = [:]
    var intents: [Intent] = []
    var refunds: [Refund] = []
    var requests: [String] = []
    var refundStatus = "succeeded"
    /// What something on the way answers to each request to read.
    var readsAnswered: HTTPResponse?
  }

  private let state = Mutex(State())
  private let now: @Sendable () -> Timestamp

  init(now: @escaping @Sendable () -> Timestamp) {
    self.now = now
  }

  var intents: [Intent] { state.withLock { $0.intents } }
  var refunds: [Refund] { state.withLock { $0.refunds } }
  var requests: [String] { state.withLock { $0.requests } }

  func script(_ faults: Fault...) { state.withLock { $0.faults += faults } }
  func delayRefunds() { state.withLock { $0.refundStatus = "pending" } }
  func change(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }

  /// This service's way to it.
  var gateway: StripeGatewayClient {
    StripeGatewayClient(
      stripe: StripeClient(http: self, address: .standard, secretKey: "sk_test"),
      secrets: [Array("whsec_test".utf8)])
  }

  struct Broken: Error {}

  func handle(_ request: HTTPRequest) async throws -> HTTPResponse {
    let (answer, isLost) = try state.withLock { state -> (HTTPResponse, Bool) in
      state.requests.append("\(request.method.rawValue) \(request.path)")
      guard request.fields[.authorization] == "Bearer sk_test",
        request.fields["Stripe-Version"] == StripeClient.apiVersion
      else { return (json(#"{"error":{"type":"invalid_request_error"}}"#, 401), false) }
      guard request.method == .post else {
        return (state.readsAnswered ?? read(request, state), false)
      }
      let fault = state.faults.isEmpty ? nil : state.faults.removeFirst()
      if case .unreachable = fault { throw Broken() }
      guard let key = request.fields[.idempotencyKey] else {
        return (json(#"{"error":{"type":"invalid_request_error","code":"no_key"}}"#, 400), false)
      }
      let parameters = request.path + "\n" + String(decoding: request.body, as: UTF8.self)
      if let known = state.keys[key] {
        guard known.parameters == parameters else {
          return (json(#"{"error":{"type":"idempotency_error"}}"#, 400), false)
        }
        return (known.answer, false)
      }
      if case .storedFailure = fault {
        let failure = json(#"{"error":{"type":"api_error"}}"#, 500)
        state.keys[key] = (parameters, failure)
        return (failure, false)
      }
      let answer = perform(request, &state)
      state.keys[key] = (parameters, answer)
      if case .answerLost = fault { return (answer, true) }
      if case .answerReplaced(let status, let body) = fault { return (json(body, status), false) }
      return (answer, false)
    }
    if isLost { throw Broken() }
    return answer
  }

  // MARK: Writing

  private func perform(_ request: HTTPRequest, _ state: inout State) -> HTTPResponse {
    let form = Self.form(request.body)
    let parts = request.path.split(separator: "/").map(String.init)
    switch (parts[1], parts.count > 3 ? parts[3] : "") {
    case ("payment_intents", ""): return create(form, &state)
    case ("payment_intents", let command):
      guard let index = state.intents.firstIndex(where: { $0.id == parts[2] }) else {
        return refusal("resource_missing", 404)
      }
      if command == "capture" { return capture(index, form, &state) }
      guard ["requires_capture", "requires_action"].contains(state.intents[index].status) else {
        return refusal("payment_intent_unexpected_state")
      }
      state.intents[index].status = "canceled"
      return json(body(state.intents[index]))
    default: return refund(form, &state)
    }
  }

  private func create(_ form: [String: String], _ state: inout State) -> HTTPResponse {
    let card = form["payment_method"] ?? form["payment_method_data[card][token]"]
    var intent = Intent(
      id: "pi_\(state.intents.count + 1)", operation: form["metadata[operation]"] ?? "",
      amount: Int64(form["amount"] ?? "") ?? 0, created: now().seconds,
      status: "requires_capture")
    guard form["currency"] == "usd", form["capture_method"] == "manual", form["confirm"] == "true"
    else { return refusal("parameter_invalid") }
    switch card {
    case "pm_card_visa", "tok_visa": break
    case "pm_card_authenticationRequired": intent.status = "requires_action"
    case "pm_card_chargeDeclined":
      intent.status = "requires_payment_method"
      state.intents.append(intent)
      return json(
        """
        {"error":{"type":"card_error","code":"card_declined","decline_code":"insufficient_funds",\
        "payment_intent":\(body(intent))}}
        """, 402)
    default: return refusal("resource_missing")
    }
    state.intents.append(intent)
    return json(body(intent))
  }

  private func capture(
    _ index: Int, _ form: [String: String], _ state: inout State
  ) -> HTTPResponse {
    guard let amount = form["amount_to_capture"].flatMap({ Int64($0) }),
      state.intents[index].status == "requires_capture", amount <= state.intents[index].amount
    else { return refusal("payment_intent_unexpected_state") }
    state.intents[index].status = "succeeded"
    state.intents[index].received = amount
    return json(body(state.intents[index]))
  }

  private func refund(_ form: [String: String], _ state: inout State) -> HTTPResponse {
    guard let index = state.intents.firstIndex(where: { $0.id == form["payment_intent"] }),
      let amount = form["amount"].flatMap({ Int64($0) }),
      state.intents[index].refunded + amount <= state.intents[index].received
    else { return refusal("charge_already_refunded") }
    state.intents[index].refunded += amount
    let refund = Refund(
      id: "re_\(state.refunds.count + 1)", intent: state.intents[index].id,
      operation: form["metadata[operation]"] ?? "", amount: amount, status: state.refundStatus)
    state.refunds.append(refund)
    return json(body(refund))
  }

  // MARK: Reading

  private func read(_ request: HTTPRequest, _ state: State) -> HTTPResponse {
    let parts = request.path.split(separator: "/").map(String.init)
    switch (parts[1], parts.count > 2 ? parts[2] : "") {
    case ("payment_intents", "search"):
      let found = state.intents.filter { request.target.contains($0.operation) }
      return list(found.map { body($0) })
    case ("payment_intents", ""): return list(state.intents.map { body($0) })
    case ("refunds", ""):
      return list(
        state.refunds.filter { request.target.contains("payment_intent=\($0.intent)&") }
          .map { body($0) })
    case ("payment_intents", let id):
      return state.intents.first { $0.id == id }.map { json(body($0)) }
        ?? refusal("resource_missing", 404)
    case (_, let id):
      return state.refunds.first { $0.id == id }.map { json(body($0)) }
        ?? refusal("resource_missing", 404)
    }
  }

  func body(_ intent: Intent) -> String {
    let action =
      intent.status == "requires_action"
      ? #","next_action":{"type":"redirect_to_url","redirect_to_url":{"url":"https://bank.example/3ds"}}"#
      : ""
    return """
      {"id":"\(intent.id)","object":"payment_intent","status":"\(intent.status)",\
      "amount":\(intent.amount),"currency":"usd","created":\(intent.created),\
      "amount_capturable":\(intent.status == "requires_capture" ? intent.amount : 0),\
      "amount_received":\(intent.received),"metadata":{"operation":"\(intent.operation)"},\
      "latest_charge":{"id":"ch_1","amount_refunded":\(intent.refunded)},"livemode":false\(action)}
      """
  }

  func body(_ refund: Refund) -> String {
    """
    {"id":"\(refund.id)","status":"\(refund.status)","amount":\(refund.amount),\
    "metadata":{"operation":"\(refund.operation)"}}
    """
  }

  private func list(_ elements: [String]) -> HTTPResponse {
    json(#"{"object":"list","has_more":false,"data":[\#(elements.joined(separator: ","))]}"#)
  }

  private func refusal(_ code: String, _ status: Int = 400) -> HTTPResponse {
    json(#"{"error":{"type":"invalid_request_error","code":"\#(code)"}}"#, status)
  }

  private func json(_ text: String, _ status: Int = 200) -> HTTPResponse {
    var response = HTTPResponse(HTTPStatus(status), body: Array(text.utf8))
    response.fields[.contentType] = "application/json"
    return response
  }

  private static func form(_ body: [UInt8]) -> [String: String] {
    let pairs = String(decoding: body, as: UTF8.self).split(separator: "&").map { pair in
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return parts.map { PercentEncoding.decode(segment: $0.utf8) ?? "" }
    }
    return Dictionary(
      pairs.map { ($0[0], $0.count > 1 ? $0[1] : "") }, uniquingKeysWith: { first, _ in first })
  }
}
