import SharedKernel

/// One event on its way to one endpoint.
struct WebhookDelivery: Sendable {
  enum State: String, Codable, Sendable, CaseIterable {
    case queued, sent, failed
    /// Told of by a replay of the feed: delivered before, or never to be.
    case replayed
  }

  /// An endpoint that nothing was delivered to for so long is disabled.
  static let failingMax: Duration = .seconds(3 * 24 * 3600)
  /// Of an answer's body that is kept.
  static let answerBytesMax = 2048

  let id: ID<WebhookDelivery>
  let endpointID: ID<WebhookEndpoint>
  let eventID: UUID128
  let type: String
  let state: State
  let attempts: Int
  let nextRunAt: Timestamp?
  let lastStatus: Int?
  let lastBody: String?
  let lastError: String?
  let createdAt: Timestamp
  let sentAt: Timestamp?
}

/// A delivery that is due, with what it takes to post it.
struct DueWebhook: Sendable {
  let id: ID<WebhookDelivery>
  let endpointID: ID<WebhookEndpoint>
  let eventID: UUID128
  let url: String
  /// The present one, and the one before while that signs too; sealed.
  let secrets: [[UInt8]]
  /// JSON.
  let body: String
  /// This one included.
  let attempts: Int
}

/// Which deliveries are wanted.
struct DueWebhooks: Sendable {
  let limit: Int
  /// Of endpoints whose last delivery failed, or of the others.
  let areFailing: Bool
  /// With those that are under way already.
  let perEndpointMax: Int
  let underWay: [ID<WebhookEndpoint>: Int]
}

/// What came of one try to post a delivery.
struct WebhookAnswer: Hashable, Sendable {
  /// nil without an answer.
  var status: Int?
  /// At most `WebhookDelivery.answerBytesMax` bytes.
  var body: String?
  /// nil when it was taken.
  var error: String?
  /// When it is tried again; nil when it was taken, or never.
  var retryAfter: Duration?
  /// The receiver wants nothing any more (410).
  var isGone = false

  var isTaken: Bool { error == nil }
}

/// Where deliveries wait.
protocol WebhookQueue: Sendable {
  /// Leases deliveries that are due and counts the try: of each endpoint those that have waited
  /// longest, and whose turn it is by lot, so that a long backlog is no claim.
  func takeDue(_ wanted: DueWebhooks, lease: Duration) async throws -> [DueWebhook]
  /// Records what came of a try, unless a later one has been begun; disables an endpoint that has
  /// failed for too long.
  func settle(_ delivery: DueWebhook, _ answer: WebhookAnswer) async throws
  /// Undoes a take whose try was interrupted: it says nothing of the endpoint.
  func giveBack(_ delivery: DueWebhook) async throws
}

/// Posts a delivery, signed.
protocol WebhookPoster: Sendable {
  /// - Returns: what was answered, or why nothing was; `retryAfter` is not set.
  /// - Throws: `CancellationError`
  func post(_ delivery: DueWebhook) async throws -> WebhookAnswer
}

/// Posts the deliveries that are due. Endpoints that fail have a few places of their own: however many
/// they are, and however much waits for them, the others wait no longer for that.
struct WebhookDispatch: Sendable {
  /// Under way at once in one process, and of these at most so many to one endpoint.
  static let places = (all: 16, perEndpoint: 4)
  /// The same for endpoints whose last delivery failed.
  static let placesOfFailing = (all: 8, perEndpoint: 1)
  /// Longer than a post takes.
  static let lease: Duration = .seconds(60)

  let queue: any WebhookQueue
  let poster: any WebhookPoster
  /// Told of what could not be written down, such as a row that was locked for too long.
  var failed: @Sendable (any Error) -> Void = { _ in }

  /// Until cancelled.
  func run() async throws {
    try await withThrowingDiscardingTaskGroup { group in
      for areFailing in [false, true] {
        group.addTask { try await work(areFailing: areFailing).run() }
      }
    }
  }

  /// - Returns: how many were tried.
  func deliverDue() async throws -> Int {
    async let failing = work(areFailing: true).workOff()
    let working = try await work(areFailing: false).workOff()
    return try await working + failing
  }

  private func work(areFailing: Bool) -> DueWork<DueWebhook, ID<WebhookEndpoint>> {
    let places = areFailing ? Self.placesOfFailing : Self.places
    return DueWork(
      underWayMax: places.all, laneMax: places.perEndpoint, lane: { $0.endpointID },
      take: { [queue] limit, underWay in
        let wanted = DueWebhooks(
          limit: limit, areFailing: areFailing, perEndpointMax: places.perEndpoint,
          underWay: underWay)
        return try await queue.takeDue(wanted, lease: Self.lease)
      },
      handle: { try await queue.settle($0, try await answer(to: $0)) }, failed: failed)
  }

  private func answer(to delivery: DueWebhook) async throws -> WebhookAnswer {
    do {
      var answer = try await poster.post(delivery)
      if !answer.isTaken, !answer.isGone {
        answer.retryAfter = RetrySchedule.wait(afterAttempts: delivery.attempts)
      }
      return answer
    } catch {
      // Cancelled: the next process need not wait for the lease. In a task of its own, since this
      // one is cancelled; if this fails, the lease runs out.
      let queue = queue
      await Task { try? await queue.giveBack(delivery) }.value
      throw error
    }
  }
}
