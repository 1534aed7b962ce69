import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// Notices over HTTP.
struct NotificationRoutes: Sendable {
  let service: NotificationService
  let templates: any TemplateStore
  let preferences: any PreferenceStore
  /// The same within one transaction.
  let within: @Sendable (Work) -> any PreferenceStore

  func add(to routes: inout Routes) {
    routes.get("/notifications", access: .customer) { call in
      guard let user = call.caller.userID else { throw NotFound("user") }
      let query = try call.query(pageParameters.union(["unread", "type"]))
      let page = try await service.list(
        of: user, unreadOnly: query.value("unread", as: Bool.self) ?? false,
        type: type(query), query.page())
      return try await answer(page, to: call)
    }
    routes.patch("/notifications/{id}", access: .customer) { call in
      struct Change: Decodable {
        let read: Bool
      }
      guard let user = call.caller.userID else { throw NotFound("notification") }
      guard try call.json(Change.self).read else {
        throw ValidationFailure("/read", "invalid", "can only become true")
      }
      let notification = try await service.setRead(call.parameter("id"), by: user)
      return try .json(NotificationView(notification, try await templates.book()))
    }
    routes.get("/admin/notifications", access: .staff) { call in
      let query = try call.query(pageParameters.union(["state", "type", "to"]))
      let page = try await service.all(filter(query), query.page())
      return try await answer(page, to: call)
    }
    routes.post("/admin/notifications/{id}/retry", access: .staff) { call in
      let notification = try await service.retry(call.parameter("id"))
      return try .json(
        NotificationView(notification, try await templates.book()), status: .accepted)
    }
    addPreferences(to: &routes)
  }

  private func addPreferences(to routes: inout Routes) {
    routes.get("/preferences", access: .customer) { call in
      guard let user = call.caller.userID else { throw NotFound("user") }
      return try .json(try await preferences.preferences(of: user).all.map(PreferenceView.init))
    }
    routes.put("/preferences", access: .customer) { call in
      guard let user = call.caller.userID else { throw NotFound("user") }
      let wanted = try Preferences(call.json([Preference].self))
      try await call.transactionally { try await within($0).save(wanted, of: user) }
      return try .json(wanted.all.map(PreferenceView.init))
    }
  }

  private func answer(_ page: Page<Notification>, to call: Call) async throws -> HTTPResponse {
    let book = try await templates.book()
    return try .page(page.map { NotificationView($0, book) }, of: call).counting(page.total)
  }

  private func filter(_ query: QueryParameters) throws -> NotificationFilter {
    var filter = NotificationFilter()
    filter.type = try type(query)
    if let text = query.text("state") {
      guard let state = Notification.State(rawValue: text) else {
        throw ValidationFailure("state", "invalid", "is no state of a notification")
      }
      filter.state = state
    }
    if let text = query.text("to") {
      guard let recipient = Recipient(text) else {
        throw ValidationFailure("to", "invalid", "must be user:<id>, order:<id> or staff")
      }
      filter.recipient = recipient
    }
    return filter
  }

  private func type(_ query: QueryParameters) throws -> String? {
    guard let type = query.text("type") else { return nil }
    guard type.count <= 60, type.allSatisfy({ $0.isASCII && ($0.isLetter || "._".contains($0)) })
    else { throw ValidationFailure("type", "invalid", "must be such as order.confirmed") }
    return type
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

  init(_ notification: Notification, _ book: TemplateBook) {
    let words = book.text(of: notification, locale: notification.locale)
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

private struct PreferenceView: Encodable {
  let type: String
  let channel: Notification.Channel
  let enabled: Bool
  /// Cannot be switched off.
  let essential: Bool

  init(_ preference: Preference, isEssential: Bool) {
    type = preference.type
    channel = preference.channel
    enabled = preference.enabled
    essential = isEssential
  }
}
