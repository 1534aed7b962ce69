import Foundation
import SharedKernel

/// Where a merchant's program wants to be told of events.
struct WebhookEndpoint: Sendable {
  enum State: String, Codable, Sendable {
    case enabled
    /// By an administrator, or after failing for so long as `WebhookDelivery.failingMax`.
    case disabled
  }

  let id: ID<WebhookEndpoint>
  /// As it was accepted; it is checked again each time that something is posted to it.
  var url: String
  /// Of the events it is told of; see `WebhookTypes`.
  var types: [String]
  var description: String
  var state: State
  /// Since when no delivery has succeeded; nil if the last one did.
  let failingSince: Timestamp?
  /// Until when the secret before the present one signs too.
  let previousSecretUntil: Timestamp?
  let version: Int
  let createdAt: Timestamp
}

/// What an administrator makes or changes an endpoint to, checked.
struct WebhookDraft: Sendable {
  static let descriptionMax = 500

  var url: WebhookURL
  var types: [String]
  var description: String
  var state: WebhookEndpoint.State

  /// - Throws: `ValidationFailure` with every fault.
  init(
    url: String, types: [String], description: String, state: WebhookEndpoint.State,
    rules: WebhookURL.Rules
  ) throws(ValidationFailure) {
    var faults: [Fault] = []
    var checked: WebhookURL?
    do {
      checked = try WebhookURL(url, rules: rules)
    } catch {
      faults += error.faults
    }
    var validation = Validation()
    validation.require(!types.isEmpty, "/types", "required", "name at least one type of event")
    validation.require(Set(types).count == types.count, "/types", "repeated", "names a type twice")
    for (index, type) in types.enumerated() {
      validation.require(
        WebhookTypes.all.contains(type), "/types/\(index)", "unknown",
        "is no type of event that webhooks are told of")
    }
    validation.requireText(description, "/description", length: 0...Self.descriptionMax)
    faults += validation.faults
    guard faults.isEmpty, let checked else { throw ValidationFailure(faults) }
    self.url = checked
    self.types = types
    self.description = description
    self.state = state
  }
}

/// The events that webhooks are told of: all that the contract lists of each source, without those
/// that are the services' own affair (reservations) or about people's credentials.
enum WebhookTypes {
  static let order = [
    "order.created", "order.awaiting_payment", "order.confirmed", "order.cancellation_requested",
    "order.cancelled", "order.shipped", "order.delivered", "order.refunded",
    "order.attention_required",
  ]
  static let payment = [
    "payment.requires_action", "payment.authorized", "payment.declined", "payment.captured",
    "payment.voided", "payment.expired", "refund.pending", "refund.succeeded", "refund.failed",
  ]
  static let product = [
    "product.created", "product.updated", "product.archived", "stock.adjusted", "stock.low",
  ]
  static let user = ["user.registered", "user.deleted"]
  static let all = Set(order + payment + product + user)

  /// Of the delivery that an administrator asks for to try an endpoint; nobody subscribes to it.
  static let test = "webhook.test"
}

/// An https address that webhooks may be posted to.
struct WebhookURL: Hashable, Sendable {
  static let lengthMax = 2048

  /// What this shop's settings allow.
  struct Rules: Sendable {
    /// Whether http, and addresses of private networks and this machine, are allowed: for
    /// development.
    let allowsPrivate: Bool
    /// Whether the text is an address, and a private one.
    let isPrivateAddress: @Sendable (String) -> Bool
  }

  let text: String
  let isSecure: Bool
  /// `host` or `host:port`.
  let authority: String
  /// Path and query, escaped.
  let target: String

  /// - Throws: `ValidationFailure` at `/url`. What a name means is looked at when connecting only:
  ///   it may mean something else by then.
  init(_ text: String, rules: Rules) throws(ValidationFailure) {
    guard text.utf8.count <= Self.lengthMax,
      text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
      let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty,
      parts.fragment == nil, (1...65_535).contains(parts.port ?? 443)
    else { throw ValidationFailure("/url", "invalid", "must be such as https://example.org/hook") }
    guard parts.user == nil, parts.password == nil else {
      throw ValidationFailure("/url", "invalid", "must not hold a user or password")
    }
    let scheme = parts.scheme?.lowercased()
    guard scheme == "https" || (rules.allowsPrivate && scheme == "http") else {
      throw ValidationFailure("/url", "invalid", "must begin with https://")
    }
    let address = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    let isLocalName = host.lowercased() == "localhost" || host.lowercased().hasSuffix(".localhost")
    guard rules.allowsPrivate || !(isLocalName || rules.isPrivateAddress(address)) else {
      throw ValidationFailure(
        "/url", "private_address", "must be an address of the public internet")
    }
    let path = parts.percentEncodedPath
    self.text = text
    isSecure = scheme == "https"
    authority = parts.port.map { "\(host):\($0)" } ?? host
    target =
      (path.isEmpty ? "/" : path) + (parts.percentEncodedQuery.map { "?\($0)" } ?? "")
  }
}

enum WebhookError: Failure, Hashable {
  case changedMeanwhile(currentVersion: Int)
  /// Nothing is delivered to an endpoint that is disabled.
  case disabled

  var kind: FailureKind {
    switch self {
    case .changedMeanwhile: .preconditionFailed
    case .disabled: .invalidStateTransition
    }
  }

  var detail: String {
    switch self {
    case .changedMeanwhile(let version): "This is at version \(version)."
    case .disabled: "The endpoint is disabled; enable it first."
    }
  }

  var members: [String: FailureValue] {
    switch self {
    case .changedMeanwhile(let version): ["currentVersion": .number(Int64(version))]
    case .disabled: ["from": "disabled", "to": "queued", "allowed": ["enabled"]]
    }
  }
}
