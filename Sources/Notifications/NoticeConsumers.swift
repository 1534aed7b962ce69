import ServiceKit
import SharedKernel

/// Reads the other services' feeds, and queues a notice for what people are told of and a delivery
/// for each webhook endpoint that is to know. The rows are inserted in the transaction that moves
/// the offset: an event's are made once.
struct NoticeConsumers: Sendable {
  /// Makes the worker that reads one service's feed.
  typealias Consumer =
    @Sendable (
      _ source: String, _ types: [String], _ apply: @escaping FeedConsumer.Apply
    ) -> Worker

  /// By which notices to customers go out.
  let channels: [Notification.Channel]
  /// By which those to staff do.
  var staffChannels: [Notification.Channel] = [.log]
  let outbox: Outbox
  let consumer: Consumer

  var workers: [Worker] {
    [
      feed("order-service", notices: Notice.orderTypes, webhooks: WebhookTypes.order) {
        Notice(order: $0.subject, type: $0.type, facts: try $0.data())
      },
      feed("payment-service", notices: Notice.paymentTypes, webhooks: WebhookTypes.payment) {
        Notice(paymentType: $0.type, facts: try $0.data())
      },
      feed("product-service", notices: Notice.stockTypes, webhooks: WebhookTypes.product) {
        Notice(variant: $0.subject, stockType: $0.type, facts: try $0.data())
      },
      feed("user-service", notices: Notice.userTypes, webhooks: WebhookTypes.user) {
        guard let user = UserID($0.subject) else { throw NotFound("user") }
        return Notice(user: user, type: $0.type, facts: try $0.data())
      },
    ]
  }

  private func feed(
    _ source: String, notices: [String], webhooks: [String],
    _ notice: @escaping @Sendable (FeedEvent) throws -> Notice
  ) -> Worker {
    let consumers = self
    return consumer(source, notices + webhooks.filter { !notices.contains($0) }) {
      event, transaction in
      if webhooks.contains(event.type) {
        try await WebhookRepository(runner: transaction, outbox: consumers.outbox)
          .insertDeliveries(
            eventID: event.id, type: event.type, body: event.json,
            replayOf: event.isReplay ? event.time : nil)
      }
      if notices.contains(event.type) {
        let notice = try notice(event)
        try await NotificationRepository(runner: transaction).insert(
          notice, eventID: event.id,
          channels: notice.recipient == .staff ? consumers.staffChannels : consumers.channels,
          isReplay: event.isReplay)
      }
      if event.type == "user.deleted", let user = UserID(event.subject) {
        try await PreferenceRepository(runner: transaction).forget(user)
      }
    }
  }
}
