import SharedKernel

/// What notices are kept in.
protocol NotificationStore: Sendable {
  /// Inserts one row for each channel, once for each event, type, channel and recipient.
  func insert(
    _ notice: Notice, eventID: UUID128, channels: [Notification.Channel], state: Notification.State
  ) async throws
  func notifications(
    of user: UserID, unreadOnly: Bool, type: String?, _ page: PageRequest
  ) async throws -> [Notification]
  func all(state: Notification.State?, _ page: PageRequest) async throws -> [Notification]
  /// nil when it is not this user's.
  func setRead(_ id: ID<Notification>, of user: UserID) async throws -> Notification?
  /// Leases notices that are due, so that no other instance sends them meanwhile.
  func takeDue(limit: Int, lease: Duration) async throws -> [Notification]
  func markSent(_ id: ID<Notification>) async throws
  func markFailed(_ id: ID<Notification>, error: String, retryAfter: Duration?) async throws
}

/// Sends a notice by the channel that it is for.
protocol NoticeSender: Sendable {
  /// - Throws: when it could not be sent now.
  func send(_ notification: Notification) async throws
}

/// Notices' use cases.
struct NotificationService: Sendable {
  let store: any NotificationStore

  func list(
    of user: UserID, unreadOnly: Bool, type: String?, _ page: PageRequest
  ) async throws -> Page<Notification> {
    let rows = try await store.notifications(of: user, unreadOnly: unreadOnly, type: type, page)
    return Page(rows: rows, limit: page.limit) { Cursor([$0.id.description]) }
  }

  func all(state: Notification.State?, _ page: PageRequest) async throws -> Page<Notification> {
    let rows = try await store.all(state: state, page)
    return Page(rows: rows, limit: page.limit) { Cursor([$0.id.description]) }
  }

  func setRead(_ id: ID<Notification>, by user: UserID) async throws -> Notification {
    guard let notification = try await store.setRead(id, of: user) else {
      throw NotFound("notification")
    }
    return notification
  }
}

/// Sends what is due, one batch after the other.
struct Delivery: Sendable {
  static let batchMax = 50
  /// Longer than any sender takes; after it another instance may try.
  static let lease: Duration = .seconds(60)
  static let errorTextMax = 500

  let store: any NotificationStore
  let sender: any NoticeSender

  /// - Returns: how many were due.
  func deliverBatch() async throws -> Int {
    let due = try await store.takeDue(limit: Self.batchMax, lease: Self.lease)
    for notification in due {
      do {
        try await sender.send(notification)
        try await store.markSent(notification.id)
      } catch is CancellationError {
        throw CancellationError()
      } catch {
        try await store.markFailed(
          notification.id, error: String("\(error)".prefix(Self.errorTextMax)),
          retryAfter: RetrySchedule.wait(afterAttempts: notification.attempts))
      }
    }
    return due.count
  }
}
