import HTTPMessages
import ServiceKit
import SharedKernel
import Testing

@testable import Payments

@Suite("The payment routes")
struct PaymentRoutesTests {
  private typealias View = RoutesBench.PaymentView

  @Test("a payment is shown to its user and to staff; for others there is none")
  func ownership() async throws {
    let routes = try await RoutesBench()
    let user = UserID.new()
    let id = PaymentID.new()
    _ = try await routes.authorize(id: id, user: user)
    let token = routes.secrets.accessToken(kind: "payment", id: id.description)
    for path in ["/payments/\(id)", "/payments/\(id)/operations"] {
      for owner in [user.description, RoutesBench.staff] {
        #expect(try await routes.send(.get, path, as: owner).status.code == 200)
      }
      #expect(try await routes.send(.get, path, as: UserID.new().description).status.code == 404)
      #expect(try await routes.send(.get, path, as: nil).status.code == 404)
      // A payment with a user takes no token.
      #expect(
        try await routes.send(.get, path, as: nil, accessToken: token).status.code == 404)
    }
  }

  @Test("a guest's payment is shown to who has its token")
  func guests() async throws {
    let routes = try await RoutesBench()
    let id = PaymentID.new()
    _ = try await routes.authorize(id: id)
    let token = routes.secrets.accessToken(kind: "payment", id: id.description)
    let other = routes.secrets.accessToken(kind: "payment", id: PaymentID.new().description)
    let path = "/payments/\(id)"
    let shown = try await routes.send(.get, path, as: nil, accessToken: token)
    #expect(shown.status.code == 200)
    #expect(shown.fields[.cacheControl] == "no-store")
    #expect(
      try await routes.send(.get, path, as: nil, accessToken: other).status.code == 404)
    #expect(try await routes.send(.get, path, as: UserID.new().description).status.code == 404)
  }

  @Test("an id that is none, or of nothing, is not found")
  func notFound() async throws {
    let routes = try await RoutesBench()
    for path in ["/payments/1", "/payments/\(PaymentID.new())"] {
      #expect(
        try await routes.send(.get, path, as: RoutesBench.staff).problemKind == .notFound)
    }
  }

  @Test("a client that has the version gets no body")
  func conditional() async throws {
    let routes = try await RoutesBench()
    let id = PaymentID.new()
    _ = try await routes.authorize(id: id)
    let service = routes.bench.service()
    let version = try await service.existing(id).version
    let shown = try await routes.send(.get, "/payments/\(id)", as: RoutesBench.staff)
    #expect(shown.fields[.etag] == "\"v\(version)\"")
  }

  @Test("a customer's list has their own payments only")
  func lists() async throws {
    let routes = try await RoutesBench()
    let user = UserID.new()
    let order = OrderID.new()
    _ = try await routes.authorize(order: order, user: user)
    _ = try await routes.authorize(user: user)
    _ = try await routes.authorize(user: .new())
    let own = try await routes.send(.get, "/payments", as: user.description)
    #expect(try own.decoded(as: [View].self).count == 2)
    let paged = try await routes.send(.get, "/payments?limit=1", as: user.description)
    #expect(paged.fields[.link]?.contains("rel=\"next\"") == true)
    let ofOrder = try await routes.send(
      .get, "/payments?orderId=\(order)&state=authorized", as: RoutesBench.staff)
    #expect(try ofOrder.decoded(as: [View].self).map(\.orderId) == [order])
    let counted = try await routes.send(
      .get, "/payments?limit=1&total=true", as: user.description)
    #expect(counted.fields["X-Total-Count"] == "2")
    #expect(paged.fields["X-Total-Count"] == nil)
    for query in ["state=none", "sort=id", "from=yesterday", "limit=0", "total=yes"] {
      let refused = try await routes.send(.get, "/payments?\(query)", as: user.description)
      #expect(refused.problemKind == .validationFailed)
    }
    #expect(try await routes.send(.get, "/payments", as: nil).status.code == 401)
  }

  @Test("operations are shown without their token")
  func operations() async throws {
    let routes = try await RoutesBench()
    let id = PaymentID.new()
    _ = try await routes.authorize(.errorTwiceThenOK, id: id)
    let answer = try await routes.send(
      .get, "/payments/\(id)/operations", as: RoutesBench.staff)
    let text = String(decoding: answer.body, as: UTF8.self)
    #expect(text.contains("\"kind\":\"authorize\""))
    #expect(text.contains("\"state\":\"pending\""))
    #expect(!text.contains("tok_"))
  }

  @Test("the customer answers the challenge, by their account or the guest's token")
  func confirms() async throws {
    let routes = try await RoutesBench()
    let user = UserID.new()
    let id = PaymentID.new()
    _ = try await routes.authorize(.requiresAction, id: id, user: user)
    let path = "/payments/\(id)/confirm"
    let approve = #"{"challenge":"approve"}"#
    #expect(
      try await routes.send(.post, path, as: UserID.new().description, body: approve)
        .status.code == 404)
    let approved = try await routes.send(.post, path, as: user.description, body: approve)
    #expect(approved.status.code == 200)
    #expect(try approved.decoded(as: View.self).state == "authorized")

    let guests = try await routes.authorize(.requiresAction).decoded(as: View.self)
    let action = try #require(guests.nextAction)
    let rejected = try await routes.send(
      .post, action.url, as: nil, accessToken: action.accessToken,
      body: #"{"challenge":"reject"}"#)
    #expect(rejected.problemKind == .paymentDeclined)
    let unclear = try await routes.send(
      .post, path, as: user.description, body: #"{"challenge":"maybe"}"#)
    #expect(unclear.problemKind == .validationFailed)
  }

  @Test("the test tokens are told to anybody")
  func testTokens() async throws {
    struct Token: Decodable {
      let token: String
    }
    let routes = try await RoutesBench()
    let answer = try await routes.send(.get, "/test-tokens", as: nil)
    #expect(try answer.decoded(as: [Token].self).count == 9)
  }
}
