import HTTPMessages
import ServiceKit
import SharedKernel
import Testing

@testable import Notifications

@Suite("The routes of templates and preferences", .timeLimit(.minutes(2)))
struct TemplateRoutesTests {
  private struct Template: Decodable {
    let type: String
    let channel: String
    let locale: String
    let subject: String
    let variables: [String]
    let isBuiltIn: Bool
    let version: Int
  }
  private struct Choice: Decodable {
    let type: String
    let channel: String
    let enabled: Bool
    let essential: Bool
  }

  private static let path = "/templates/order.confirmed/email/de"
  private static let words = #"{"subject":"Bestellung {{ number }}","body":"Hallo {{ name }}"}"#

  private func put(
    _ bench: NotificationsBench, _ path: String = path, _ words: String = words,
    _ fields: [HTTPFieldName: String] = [.ifNoneMatch: "*"]
  ) async throws -> HTTPResponse {
    try await bench.send(
      .put, path, as: NotificationsBench.staff, body: words, fields: fields)
  }

  @Test("staff see every type's own words, and those that were written")
  func list() async throws {
    let bench = try await NotificationsBench()
    func all() async throws -> [Template] {
      let response = try await bench.send(.get, "/templates", as: NotificationsBench.staff)
      return try response.decoded()
    }
    let own = try await all()
    #expect(own.count == NoticeType.all.count * 2)
    #expect(own.allSatisfy { $0.isBuiltIn && $0.version == 0 && $0.locale == "en" })
    #expect(try await put(bench).status.code == 200)
    let written = try #require(try await all().first { !$0.isBuiltIn })
    #expect(written.subject == "Bestellung {{ number }}")
    #expect(written.version == 1)
    #expect(written.variables == ["name", "number", "orderId", "total"])
    #expect(
      try await bench.send(.get, "/templates", as: "\(UserID.new())").problemKind == .forbidden)
  }

  @Test("a template is made, then changed by who has seen its version")
  func versions() async throws {
    let bench = try await NotificationsBench()
    #expect(try await put(bench, Self.path, Self.words, [:]).status.code == 428)
    let made = try await put(bench)
    #expect(made.fields[.etag] == "\"v1\"")
    #expect(try await put(bench).problemKind == .preconditionFailed)
    let stale = try await put(bench, Self.path, Self.words, [.ifMatch: "\"v7\""])
    #expect(stale.problemKind == .preconditionFailed)
    let changed = try await put(bench, Self.path, Self.words, [.ifMatch: "\"v1\""])
    #expect(changed.fields[.etag] == "\"v2\"")
    let shown = try await bench.send(.get, Self.path, as: NotificationsBench.staff)
    #expect(shown.fields[.etag] == "\"v2\"")
  }

  @Test("of two who make the same template at once one is told")
  func race() async throws {
    let bench = try await NotificationsBench()
    async let left = put(bench)
    async let right = put(bench)
    #expect(try await [left.status.code, right.status.code].sorted() == [200, 412])
  }

  @Test("unknown variables are 422; what is no template is 404")
  func refused() async throws {
    let bench = try await NotificationsBench()
    let unknown = try await put(
      bench, Self.path, #"{"subject":"{{ secret }}","body":"{{ tracking }}"}"#)
    #expect(unknown.problemKind == .validationFailed)
    let text = String(decoding: unknown.body, as: UTF8.self)
    #expect(text.contains(#""/subject""#) && text.contains(#""/body""#))
    for path in [
      "/templates/order.eaten/email/de", "/templates/order.confirmed/fax/de",
    ] {
      #expect(try await put(bench, path).status.code == 404)
    }
    #expect(
      try await put(bench, "/templates/order.confirmed/email/x").problemKind == .validationFailed)
  }

  @Test("a preview is filled with samples, and with what is given in their place")
  func preview() async throws {
    let bench = try await NotificationsBench()
    let response = try await bench.send(
      .post, "/templates/preview", as: NotificationsBench.staff,
      body: """
        {"type":"order.confirmed","subject":"{{ number }}","body":"{{ name }} {{ total }}",\
        "values":{"name":"Bea"}}
        """)
    #expect(
      String(decoding: response.body, as: UTF8.self)
        == #"{"subject":"10001","body":"Bea USD 1000.0"}"#)
    let refused = try await bench.send(
      .post, "/templates/preview", as: NotificationsBench.staff,
      body: #"{"type":"order.confirmed","subject":"x","body":"{{ iban }}"}"#)
    #expect(refused.problemKind == .validationFailed)
  }

  @Test("what staff wrote is what customers read in their list")
  func inTheList() async throws {
    let bench = try await NotificationsBench()
    let user = UserID.new()
    try await bench.insert(bench.notice(for: .user(user)))
    _ = try await put(
      bench, "/templates/order.confirmed/log/en", #"{"subject":"No. {{ number }}","body":"!"}"#)
    let list = try await bench.send(.get, "/notifications", as: "\(user)")
    #expect(String(decoding: list.body, as: UTF8.self).contains(#""subject":"No. 10001""#))
  }

  @Test("a customer switches off what is not essential, for themselves alone")
  func preferences() async throws {
    let bench = try await NotificationsBench()
    let user = "\(UserID.new())"
    func choices(of user: String) async throws -> [Choice] {
      try await bench.send(.get, "/preferences", as: user).decoded()
    }
    let all = try await choices(of: user)
    #expect(all.allSatisfy { $0.enabled })
    #expect(!all.contains { $0.type == "stock.low" })
    #expect(all.filter { $0.type == "user.locked" }.allSatisfy { $0.essential })
    let set = try await bench.send(
      .put, "/preferences", as: user,
      body: #"[{"type":"order.delivered","channel":"email","enabled":false}]"#)
    #expect(set.status.code == 200)
    let off = try await choices(of: user).filter { !$0.enabled }
    #expect(off.map(\.type) == ["order.delivered"])
    #expect(off.map(\.channel) == ["email"])
    #expect(try await choices(of: "\(UserID.new())").allSatisfy { $0.enabled })
    // What a PUT does not name is on again.
    _ = try await bench.send(.put, "/preferences", as: user, body: "[]")
    #expect(try await choices(of: user).allSatisfy { $0.enabled })
  }

  @Test(
    "security and receipts stay on; what nobody is told of cannot be chosen",
    arguments: [
      (#"[{"type":"order.confirmed","channel":"email","enabled":false}]"#, "essential"),
      (#"[{"type":"user.password_changed","channel":"log","enabled":false}]"#, "essential"),
      (#"[{"type":"stock.low","channel":"log","enabled":false}]"#, "unknown"),
      (
        #"[{"type":"order.shipped","channel":"log","enabled":true},"#
          + #"{"type":"order.shipped","channel":"log","enabled":false}]"#, "repeated"
      ),
    ])
  func essential(body: String, code: String) async throws {
    let bench = try await NotificationsBench()
    let refused = try await bench.send(.put, "/preferences", as: "\(UserID.new())", body: body)
    #expect(refused.problemKind == .validationFailed)
    #expect(String(decoding: refused.body, as: UTF8.self).contains(#""code":"\#(code)""#))
  }
}
