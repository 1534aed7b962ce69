import SharedKernel

/// What notices are kept in.
protocol NotificationStore: Sendable {
  func notifications(
    of user: UserID, unreadOnly: Bool, type: String?, _ page: PageRequest
  ) async throws -> Page<Notification>
  func all(_ filter: NotificationFilter, _ page: PageRequest) async throws -> Page<Notification>
  /// nil when it is not this user's.
  func setRead(_ id: ID<Notification>, of user: UserID) async throws -> Notification?
  func notification(_ id: ID<Notification>) async throws -> Notification?
  /// Makes one that is queued or failed due now, with all its tries before it; nil when it is neither.
  func requeue(_ id: ID<Notification>) async throws -> Notification?
}

/// What customers' preferences are kept in.
protocol PreferenceStore: Sendable {
  func preferences(of user: UserID) async throws -> Preferences
  func save(_ preferences: Preferences, of user: UserID) async throws
}

/// Which notices staff look at; nil is any.
struct NotificationFilter: Sendable {
  var state: Notification.State?
  var type: String?
  var recipient: Recipient?
}

/// Notices' use cases.
struct NotificationService: Sendable {
  let store: any NotificationStore

  func list(
    of user: UserID, unreadOnly: Bool, type: String?, _ page: PageRequest
  ) async throws -> Page<Notification> {
    try await store.notifications(of: user, unreadOnly: unreadOnly, type: type, page)
  }

  func all(_ filter: NotificationFilter, _ page: PageRequest) async throws -> Page<Notification> {
    try await store.all(filter, page)
  }

  /// - Throws: `NotFound`
  func setRead(_ id: ID<Notification>, by user: UserID) async throws -> Notification {
    guard let notification = try await store.setRead(id, of: user) else {
      throw NotFound("notification")
    }
    return notification
  }

  /// Sends again what failed, or now what waits.
  ///
  /// - Throws: `NotFound`; `NotificationError.notRetriable` for one that is sent or never to be.
  func retry(_ id: ID<Notification>) async throws -> Notification {
    if let notification = try await store.requeue(id) { return notification }
    guard let notification = try await store.notification(id) else {
      throw NotFound("notification")
    }
    throw NotificationError.notRetriable(notification.state)
  }
}

enum NotificationError: Failure, Hashable {
  case notRetriable(Notification.State)

  var kind: FailureKind { .invalidStateTransition }

  var detail: String {
    switch self {
    case .notRetriable(let state):
      "The notification is \(state.rawValue); there is nothing to retry."
    }
  }

  var members: [String: FailureValue] {
    switch self {
    case .notRetriable(let state):
      ["from": .text(state.rawValue), "to": "queued", "allowed": []]
    }
  }
}
