import SharedKernel

/// The signature of a provider's notice: `t=<seconds>,v1=<hex HMAC-SHA256 of "t.body">`, of which
/// there may be several while a secret is being changed. (The scheme of Stripe-Signature.)
struct WebhookSignature: Sendable {
  /// More parts than any provider sends.
  private static let partsMax = 16

  let seconds: Int64
  let codes: [String]

  /// nil for a text that is no such signature.
  init?(_ text: String) {
    let parts = text.split(separator: ",")
    guard parts.count <= Self.partsMax else { return nil }
    var seconds: Int64?
    var codes: [String] = []
    for part in parts {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2 else { return nil }
      switch pair[0].trimmingSpaces {
      case "t": seconds = UInt32(pair[1]).map { Int64($0) }
      case "v1": codes.append(String(pair[1]))
      default: continue
      }
    }
    guard let seconds, !codes.isEmpty else { return nil }
    self.seconds = seconds
    self.codes = codes
  }

  /// Whether it was made at most `tolerance` ago, or ahead, by a clock of the provider's.
  func isFresh(at now: Timestamp, tolerance: Duration) -> Bool {
    let age = now.seconds - seconds
    return abs(age) <= tolerance.components.seconds
  }

  /// What is signed: the time and the body.
  static func signedBytes(seconds: Int64, body: [UInt8]) -> [UInt8] {
    Array("\(seconds).".utf8) + body
  }
}

extension Substring {
  fileprivate var trimmingSpaces: Substring {
    drop { $0 == " " }
  }
}
