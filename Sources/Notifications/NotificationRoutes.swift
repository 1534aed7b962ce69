import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// Notices over HTTP.
struct NotificationRoutes: Sendable {
  let service: NotificationService

  func add(to routes: inout Routes) {
    routes.get("/notifications", access: .customer) { call in
      guard let user = call.caller.userID else { throw NotFound("user") }
      let query = try call.query(pageParameters.union(["unread", "type"]))
      let page = try await service.list(
        of: user, unreadOnly: query.value("unread", as: Bool.self) ?? false,
        type: query.text("type"), query.page())
      return try .page(
        Page(elements: page.elements.map(NotificationView.init), next: page.next), of: call)
    }
    routes.patch("/notifications/{id}", access: .customer) { call in
      struct Change: Decodable {
        let read: Bool
      }
      guard let user = call.caller.userID else { throw NotFound("notification") }
      guard try call.json(Change.self).read else {
        throw ValidationFailure("/read", "invalid", "can only become true")
      }
      return try .json(
        NotificationView(try await service.setRead(call.parameter("id"), by: user)))
    }
    routes.get("/admin/notifications", access: .staff) { call in
      let query = try call.query(pageParameters.union(["state"]))
      let state: Notification.State? = try query.text("state").map { text in
        guard let state = Notification.State(rawValue: text) else {
          throw ValidationFailure("state", "invalid", "is no state of a notification")
        }
        return state
      }
      let page = try await service.all(state: state, query.page())
      return try .page(
        Page(elements: page.elements.map(NotificationView.init), next: page.next), of: call)
    }
  }
}

private struct NotificationView: Encodable {
  let id: ID<Notification>
  let type: String
  let channel: Notification.Channel
  let recipient: String
  let subject: String
  let text: String
  let state: Notification.State
  let attempts: Int
  let readAt: Timestamp?
  let sentAt: Timestamp?
  let createdAt: Timestamp

  init(_ notification: Notification) {
    let words = NoticeText(type: notification.type, params: notification.params, name: nil)
    id = notification.id
    type = notification.type
    channel = notification.channel
    recipient = notification.recipient.text
    subject = words.subject
    text = words.body
    state = notification.state
    attempts = notification.attempts
    readAt = notification.readAt
    sentAt = notification.sentAt
    createdAt = notification.createdAt
  }
}
