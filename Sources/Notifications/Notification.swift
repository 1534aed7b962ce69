import SharedKernel

/// One notice to one recipient by one channel.
struct Notification: Sendable {
  enum Channel: String, Codable, Sendable, CaseIterable {
    /// Kept here and shown in the recipient's list.
    case log
    case email
  }

  enum State: String, Codable, Sendable, CaseIterable {
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
  /// In whose words it is listed.
  let locale: String

  /// What no other notice shares: there is one for each event, type, channel and recipient.
  var key: String { "\(eventID)/\(type)/\(channel.rawValue)/\(recipient.text)" }
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
    } else if text.hasPrefix("order:"), let id = UUID128(String(text.dropFirst(6))) {
      self = .order("\(id)")
    } else {
      return nil
    }
  }

  var userID: UserID? {
    if case .user(let id) = self { id } else { nil }
  }
}
