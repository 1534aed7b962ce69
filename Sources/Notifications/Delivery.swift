import SharedKernel

/// What notices are queued in until they are sent.
protocol DeliveryQueue: Sendable {
  /// Leases notices that are due and counts the try, so that no other instance sends them meanwhile.
  func takeDue(limit: Int, lease: Duration) async throws -> [Notification]
  /// Records what became of a try, unless a later one has been begun.
  func settle(_ notification: Notification, _ outcome: DeliveryOutcome) async throws
  /// Undoes a take whose try was interrupted.
  func giveBack(_ notification: Notification) async throws
}

/// What became of one try to send a notice.
enum DeliveryOutcome: Hashable, Sendable {
  case sent
  /// There is nobody to send it to.
  case skipped(String)
  /// To be tried again after a while; given up when there is no `retryAfter`.
  case failed(String, retryAfter: Duration?)
}

/// Sends a notice by the channel that it is for.
protocol NoticeSender: Sendable {
  /// - Returns: `sent` or `skipped`.
  /// - Throws: when it could not be sent now; `Undeliverable` when it never can.
  func send(_ notification: Notification) async throws -> DeliveryOutcome
}

/// No further try can help.
struct Undeliverable: Error {
  let reason: String
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

/// Sends the notices that are due.
struct Delivery: Sendable {
  /// Sent at once.
  static let sendingMax = 16
  /// Longer than any sender takes; after it another instance may try.
  static let lease: Duration = .seconds(60)
  private static let reasonMax = 500

  let queue: any DeliveryQueue
  let sender: any NoticeSender
  /// Told of what could not be written down, such as a row that was locked for too long.
  var failed: @Sendable (any Error) -> Void = { _ in }

  /// Until cancelled.
  func run() async throws { try await work.run() }

  /// - Returns: how many were tried.
  func deliverDue() async throws -> Int { try await work.workOff() }

  private var work: DueWork<Notification, Never> {
    DueWork(
      underWayMax: Self.sendingMax, lane: { _ in nil },
      take: { [queue] limit, _ in try await queue.takeDue(limit: limit, lease: Self.lease) },
      handle: { try await queue.settle($0, try await outcome(of: $0)) }, failed: failed)
  }

  /// - Throws: `CancellationError`
  private func outcome(of notification: Notification) async throws -> DeliveryOutcome {
    do {
      return try await sender.send(notification)
    } catch is CancellationError {
      await giveBack(notification)
      throw CancellationError()
    } catch let error as Undeliverable {
      return .failed(String(error.reason.prefix(Self.reasonMax)), retryAfter: nil)
    } catch {
      return .failed(
        String("\(error)".prefix(Self.reasonMax)),
        retryAfter: RetrySchedule.wait(afterAttempts: notification.attempts))
    }
  }

  /// So that the next process need not wait for the lease to run out. In a task of its own, since this
  /// one is cancelled; if this fails, the lease runs out.
  private func giveBack(_ notification: Notification) async {
    let queue = queue
    await Task { try? await queue.giveBack(notification) }.value
  }
}
