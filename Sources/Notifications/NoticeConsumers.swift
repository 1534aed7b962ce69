import ServiceKit
import SharedKernel

/// Reads the other services' feeds and queues a notice for what people are told of. The rows are
/// inserted in the transaction that moves the offset: an event's notices are made once.
struct NoticeConsumers: Sendable {
  /// Makes the worker that reads one service's feed.
  typealias Consumer =
    @Sendable (
      _ source: String, _ types: [String], _ apply: @escaping FeedConsumer.Apply
    ) -> Worker

  /// By which notices to customers go out.
  let channels: [Notification.Channel]
  let consumer: Consumer

  var workers: [Worker] { [orders, payments, stock, users] }

  private var orders: Worker {
    let channels = channels
    return consumer("order-service", Notice.orderTypes) { event, transaction in
      try await NotificationRepository(runner: transaction).insert(
        Notice(order: event.subject, type: event.type, facts: event.data()), of: event, channels)
    }
  }

  private var payments: Worker {
    let channels = channels
    return consumer("payment-service", Notice.paymentTypes) { event, transaction in
      try await NotificationRepository(runner: transaction).insert(
        Notice(paymentType: event.type, facts: event.data()), of: event, channels)
    }
  }

  private var stock: Worker {
    let channels = channels
    return consumer("product-service", Notice.stockTypes) { event, transaction in
      try await NotificationRepository(runner: transaction).insert(
        Notice(variant: event.subject, stockType: event.type, facts: event.data()), of: event,
        channels)
    }
  }

  private var users: Worker {
    let channels = channels
    return consumer("user-service", Notice.userTypes) { event, transaction in
      guard let user = UserID(event.subject) else { throw NotFound("user") }
      try await NotificationRepository(runner: transaction).insert(
        Notice(user: user, type: event.type), of: event, channels)
    }
  }
}

extension NotificationRepository {
  /// Staff look at the list: only customers' notices go out by mail.
  fileprivate func insert(
    _ notice: Notice, of event: FeedEvent, _ channels: [Notification.Channel]
  ) async throws {
    try await insert(
      notice, eventID: event.id, channels: notice.recipient == .staff ? [.log] : channels,
      isReplay: event.isReplay)
  }
}
