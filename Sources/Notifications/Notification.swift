import SharedKernel

/// One notice to one recipient by one channel.
struct Notification: Sendable {
  enum Channel: String, Codable, Sendable, CaseIterable {
    /// Kept here and shown in the recipient's list.
    case log
    case email
  }

  enum State: String, Codable, Sendable {
    case queued, sent, failed
    /// Switched off by the recipient.
    case skipped
    /// Told of by a replay of the feed: sent before, or never to be.
    case replayed
  }

  let id: ID<Notification>
  let eventID: UUID128
  let type: String
  let channel: Channel
  let recipient: Recipient
  let params: [String: String]
  let state: State
  let attempts: Int
  let readAt: Timestamp?
  let sentAt: Timestamp?
  let createdAt: Timestamp
}

/// For whom a notice is. Name and address are asked for only when it is sent.
enum Recipient: Hashable, Sendable {
  case user(UserID)
  /// A guest, known by the order alone.
  case order(String)
  case staff

  var text: String {
    switch self {
    case .user(let id): "user:\(id)"
    case .order(let id): "order:\(id)"
    case .staff: "staff"
    }
  }

  init?(_ text: String) {
    if text == "staff" {
      self = .staff
    } else if text.hasPrefix("user:"), let id = UserID(String(text.dropFirst(5))) {
      self = .user(id)
    } else if text.hasPrefix("order:") {
      self = .order(String(text.dropFirst(6)))
    } else {
      return nil
    }
  }

  var userID: UserID? {
    if case .user(let id) = self { id } else { nil }
  }
}

/// When a failed delivery is tried again.
enum RetrySchedule {
  private static let waits: [Duration] = [
    .seconds(5), .seconds(30), .seconds(120), .seconds(600), .seconds(3600), .seconds(6 * 3600),
    .seconds(24 * 3600),
  ]

  /// nil when there have been enough.
  static func wait(afterAttempts attempts: Int) -> Duration? {
    attempts >= 1 && attempts <= waits.count ? waits[attempts - 1] : nil
  }
}
