import Foundation
import SharedKernel

/// What an endpoint's deliveries are signed with, in the form of Standard Webhooks: `whsec_` and
/// the key's bytes in base64.
struct WebhookSecret: Hashable, Sendable {
  static let byteCount = 32
  private static let prefix = "whsec_"

  let bytes: [UInt8]

  /// As it is shown to the administrator, once.
  var text: String { Self.prefix + Data(bytes).base64EncodedString() }

  init(bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// nil for what is no secret.
  init?(_ text: String) {
    guard text.hasPrefix(Self.prefix),
      let data = Data(base64Encoded: String(text.dropFirst(Self.prefix.count))), !data.isEmpty
    else { return nil }
    bytes = Array(data)
  }
}

/// The headers that prove where a delivery comes from (Standard Webhooks, "Signature scheme").
struct WebhookSignature: Sendable {
  /// `webhook-id`: the event's, the same each time that it is posted, so that a receiver can drop
  /// repeats.
  let id: String
  /// `webhook-timestamp`, in seconds: a receiver refuses what is old.
  let timestamp: String
  /// `webhook-signature`: one for each secret, `v1,` and base64, with spaces between.
  let signatures: String

  /// - Parameter hmac: HMAC-SHA256 of a message by a key.
  init(
    id: UUID128, at time: Timestamp, body: String, secrets: [WebhookSecret],
    hmac: (_ message: [UInt8], _ key: [UInt8]) -> [UInt8]
  ) {
    self.id = "\(id)"
    timestamp = "\(time.seconds)"
    let message = Array("\(id).\(time.seconds).\(body)".utf8)
    signatures = secrets.map {
      "v1," + Data(hmac(message, $0.bytes)).base64EncodedString()
    }.joined(separator: " ")
  }
}
