import HTTPMessages
import ServiceKit
import SharedKernel
import Testing

@testable import Notifications

@Suite("The notification routes", .timeLimit(.minutes(2)))
struct NotificationRoutesTests {
  struct View: Decodable {
    let id: UUID128
    let type: String
    let channel: String
    let recipient: String
    let subject: String
    let text: String
    let state: String
    let attempts: Int
    let readAt: Timestamp?
    let sentAt: Timestamp?
  }

  private func list(
    _ bench: NotificationsBench, _ target: String = "/notifications", as token: String
  ) async throws -> [View] {
    let response = try await bench.send(.get, target, as: token)
    #expect(response.status.code == 200)
    return try response.decoded()
  }

  @Test("a customer sees one notice for each event, newest first, and only their own")
  func own() async throws {
    let bench = try await NotificationsBench()
    let user = UserID.new()
    let types = ["order.confirmed", "order.shipped"]
    for type in types {
      try await bench.insert(
        bench.notice(for: .user(user), type: type), channels: [.log, .email])
    }
    try await bench.insert(bench.notice(for: .user(.new())))
    try await bench.insert(bench.notice(for: .staff))
    let shown = try await list(bench, as: "\(user)")
    #expect(shown.map(\.channel) == ["log", "log"])
    #expect(Set(shown.map(\.type)) == Set(types))
    #expect(shown.map(\.id) == shown.map(\.id).sorted(by: >))
    #expect(shown.allSatisfy { $0.recipient == "user:\(user)" })
    #expect(shown.first { $0.type == "order.shipped" }?.subject == "Your order 10001 is on its way")
    let confirmed = try await list(bench, "/notifications?type=order.confirmed", as: "\(user)")
    #expect(confirmed.map(\.type) == ["order.confirmed"])
    #expect(try await bench.send(.get, "/notifications", as: nil).status.code == 401)
  }

  @Test("a notice that was made again by a replay is still shown")
  func replayed() async throws {
    let bench = try await NotificationsBench()
    let user = UserID.new()
    try await bench.insert(bench.notice(for: .user(user)), isReplay: true)
    #expect(try await list(bench, as: "\(user)").map(\.state) == ["replayed"])
  }

  @Test("a notice is marked as read once, by whom it is for")
  func read() async throws {
    let bench = try await NotificationsBench()
    let user = UserID.new()
    for _ in 0..<2 { try await bench.insert(bench.notice(for: .user(user))) }
    let id = try #require(try await list(bench, as: "\(user)").first?.id)
    let body = #"{"read":true}"#
    let path = "/notifications/\(id)"
    #expect(
      try await bench.send(.patch, path, as: "\(UserID.new())", body: body).status.code == 404)
    let first: View = try await bench.send(.patch, path, as: "\(user)", body: body).decoded()
    let again: View = try await bench.send(.patch, path, as: "\(user)", body: body).decoded()
    #expect(first.readAt != nil)
    #expect(first.readAt == again.readAt)
    #expect(try await list(bench, "/notifications?unread=true", as: "\(user)").count == 1)
    #expect(try await list(bench, "/notifications?unread=false", as: "\(user)").count == 2)
    for bad in [#"{"read":false}"#, #"{}"#, #"{"read":true,"state":"sent"}"#] {
      let refused = try await bench.send(.patch, path, as: "\(user)", body: bad)
      #expect(refused.problemKind == .validationFailed)
    }
  }

  @Test("pages follow each other without a gap or a repeat")
  func pages() async throws {
    let bench = try await NotificationsBench()
    let user = UserID.new()
    for _ in 0..<7 { try await bench.insert(bench.notice(for: .user(user))) }
    var ids: [UUID128] = []
    var target: String? = "/notifications?limit=3"
    while let page = target {
      let response = try await bench.send(.get, page, as: "\(user)")
      ids += try response.decoded(as: [View].self).map(\.id)
      target = response.fields[.link].map { String($0.dropFirst().prefix { $0 != ">" }) }
    }
    #expect(ids.count == 7)
    #expect(ids == ids.sorted(by: >))
    #expect(Set(ids).count == 7)
  }

  @Test("total=true counts what all pages have")
  func total() async throws {
    let bench = try await NotificationsBench()
    let user = UserID.new()
    for _ in 0..<3 { try await bench.insert(bench.notice(for: .user(user))) }
    try await bench.insert(bench.notice(for: .user(.new())))
    func total(_ target: String, as token: String) async throws -> String? {
      try await bench.send(.get, target, as: token).fields["X-Total-Count"]
    }
    #expect(try await total("/notifications?limit=1&total=true", as: "\(user)") == "3")
    #expect(try await total("/notifications?limit=1", as: "\(user)") == nil)
    let all = "/admin/notifications?limit=1&total=true"
    #expect(try await total(all, as: NotificationsBench.staff) == "4")
    #expect(try await total("\(all)&to=user:\(user)", as: NotificationsBench.staff) == "3")
    let refused = try await bench.send(.get, "/notifications?total=all", as: "\(user)")
    #expect(refused.problemKind == .validationFailed)
  }

  @Test("staff see all notices by all channels, and find those of one state, type or recipient")
  func administration() async throws {
    let bench = try await NotificationsBench()
    let user = UserID.new()
    try await bench.insert(bench.notice(for: .user(user)), channels: [.log, .email])
    try await bench.insert(bench.notice(for: .staff, type: "stock.low"))
    try await bench.insert(bench.notice(for: .staff, type: "stock.low"), isReplay: true)
    func count(_ query: String) async throws -> Int {
      try await list(bench, "/admin/notifications\(query)", as: NotificationsBench.staff).count
    }
    #expect(try await count("") == 4)
    #expect(try await count("?state=queued") == 3)
    #expect(try await count("?state=queued&type=stock.low") == 1)
    #expect(try await count("?to=user:\(user)") == 2)
    #expect(try await count("?to=staff&state=replayed") == 1)
    for query in ["?state=lost", "?to=ada", "?type=a%20b", "?color=red"] {
      let refused = try await bench.send(
        .get, "/admin/notifications\(query)", as: NotificationsBench.staff)
      #expect(refused.problemKind == .validationFailed)
    }
    #expect(
      try await bench.send(.get, "/admin/notifications", as: "\(user)").problemKind == .forbidden)
  }

  @Test("what failed is sent on demand, with all its tries; what is sent is not sent again")
  func retry() async throws {
    let bench = try await NotificationsBench()
    try await bench.insert(bench.notice(for: .user(.new())))
    let failing = Delivery(
      queue: bench.queue,
      sender: ScriptedSender { _ in throw Undeliverable(reason: "no such mailbox") })
    _ = try await failing.deliverDue()
    #expect(try await bench.states() == ["failed": 1])
    let id = try #require(
      try await list(bench, "/admin/notifications", as: NotificationsBench.staff).first?.id)
    let path = "/admin/notifications/\(id)/retry"
    let accepted = try await bench.send(.post, path, as: NotificationsBench.staff)
    #expect(accepted.status.code == 202)
    let view: View = try accepted.decoded()
    #expect(view.state == "queued")
    #expect(view.attempts == 0)

    let delivery = Delivery(queue: bench.queue, sender: ScriptedSender { _ in .sent })
    #expect(try await delivery.deliverDue() == 1)
    let refused = try await bench.send(.post, path, as: NotificationsBench.staff)
    #expect(refused.problemKind == .invalidStateTransition)
    #expect(refused.problemBody?["from"]?.textValue == "sent")
    let unknown = "/admin/notifications/\(UUID128.v7())/retry"
    #expect(
      try await bench.send(.post, unknown, as: NotificationsBench.staff).status.code == 404)
    #expect(
      try await bench.send(.post, path, as: "\(UserID.new())").problemKind == .forbidden)
  }
}
