import HTTPMessages
import ServiceKit
import SharedKernel
import Testing

@testable import Orders

/// Shipping methods, tax rates and coupons, as staff keep them.
@Suite struct RecordRoutesTests {
  private static let records = [
    (
      "/shipping-methods", #"{"name":"Post","price":{"amount":500,"currency":"USD"}}"#,
      #"{"freeFrom":{"amount":9000,"currency":"USD"}}"#, #""freeFrom":{"amount":9000"#
    ),
    (
      "/tax-rates", #"{"country":"US","region":"ca","basisPoints":725,"includedInPrice":false}"#,
      #"{"basisPoints":800}"#, #""basisPoints":800"#
    ),
    (
      "/coupons", #"{"code":"spring","kind":"percent","value":15,"maxUses":5}"#,
      #"{"maxUses":null,"kind":"fixed","value":{"amount":100,"currency":"USD"}}"#,
      #""value":{"amount":100"#
    ),
  ]

  @Test("staff make, change and remove a record, each change by its version", arguments: records)
  func life(path: String, body: String, patch: String, changed: String) async throws {
    let bench = try await RoutesBench()
    let made = try await bench.send(.post, path, as: "staff", body: body)
    #expect(made.status == .created)
    let one = try #require(made.fields[.location])
    #expect(made.fields[.etag] == "\"v1\"")
    #expect(try await bench.send(.get, one, as: "staff").body == made.body)
    let seen = try await bench.send(
      .get, one, as: "staff", fields: [(.ifNoneMatch, "\"v1\"")])
    #expect(seen.status.code == 304)

    func change(_ tag: String?, _ body: String) async throws -> HTTPResponse {
      try await bench.send(
        .patch, one, as: "staff", fields: tag.map { [(.ifMatch, $0)] } ?? [], body: body)
    }
    #expect(try await change(nil, patch).status.code == 428)
    #expect(try await change("\"v2\"", patch).status.code == 412)
    #expect(try await change("\"v1\"", #"{"unknown":1}"#).status.code == 422)
    #expect(try await change("\"v1\"", "[]").status.code == 422)
    let new = try await change("\"v1\"", patch)
    #expect(new.status == .ok)
    #expect(new.fields[.etag] == "\"v2\"")
    #expect(String(decoding: new.body, as: UTF8.self).contains(changed))
    #expect(try await change("\"v1\"", patch).status.code == 412)

    #expect(try await bench.send(.delete, one, as: "staff").status.code == 428)
    let gone = try await bench.send(
      .delete, one, as: "staff", fields: [(.ifMatch, "\"v2\"")])
    #expect(gone.status.code == 204)
    #expect(try await bench.send(.get, one, as: "staff").status.code == 404)
    for caller in ["\(UserID.new())", nil] {
      let refused = try await bench.send(.post, path, as: caller, body: body).status.code
      #expect(refused == (caller == nil ? 401 : 403))
    }
  }

  @Test("a repeated key makes one record")
  func keys() async throws {
    let bench = try await RoutesBench()
    let staff = "staff:\(UserID.new())"
    let key: [(HTTPFieldName, String)] = [(.idempotencyKey, "0123456789abcdef-record")]
    let body = #"{"name":"Post","price":{"amount":500,"currency":"USD"}}"#
    let first = try await bench.send(
      .post, "/shipping-methods", as: staff, fields: key, body: body)
    let again = try await bench.send(
      .post, "/shipping-methods", as: staff, fields: key, body: body)
    #expect(again.fields["Idempotent-Replayed"] == "true")
    #expect(again.body == first.body)
    let count: Int? = try await bench.bench.database.value("SELECT count(*) FROM shipping_methods")
    #expect(count == 1)
  }

  @Test("there is one rate for a place, one coupon of a code")
  func duplicates() async throws {
    let bench = try await RoutesBench()
    try await bench.makeRate(#""country":"CH","basisPoints":810,"includedInPrice":true"#)
    try await bench.makeCoupon(#""code":"A","kind":"percent","value":1"#)
    for (path, body, field) in [
      ("/tax-rates", #"{"country":"CH","basisPoints":1,"includedInPrice":true}"#, "region"),
      ("/coupons", #"{"code":"a","kind":"percent","value":2}"#, "code"),
    ] {
      let again = try await bench.send(.post, path, as: "staff", body: body)
      #expect(again.problemKind == .duplicateResource)
      #expect(again.problemBody?["field"]?.textValue == field)
    }
    #expect(try await bench.send(.get, "/tax-rates", as: "staff").status == .ok)
    #expect(try await bench.send(.get, "/coupons", as: "\(UserID.new())").status.code == 403)
  }

  @Test("a coupon that was used stays, keeps its code, and cannot have been used more than it may")
  func usedCoupon() async throws {
    let bench = try await RoutesBench()
    try await bench.makeCoupon(#""code":"A","kind":"percent","value":1"#)
    for _ in 0..<2 {
      let bought = try await bench.send(
        .post, "/orders", body: RoutesBench.order(#","couponCode":"A""#))
      #expect(bought.status == .created)
    }
    let tag: [(HTTPFieldName, String)] = [(.ifMatch, "\"v1\"")]
    let removed = try await bench.send(.delete, "/coupons/A", as: "staff", fields: tag)
    #expect(removed.problemKind == .resourceInUse)
    for patch in [#"{"maxUses":1}"#, #"{"code":"B"}"#, #"{"kind":"fixed"}"#, #"{"value":null}"#] {
      let answer = try await bench.send(
        .patch, "/coupons/a", as: "staff", fields: tag, body: patch)
      #expect(answer.status.code == 422, "\(patch)")
    }
    let ended = try await bench.send(
      .patch, "/coupons/A", as: "staff", fields: tag,
      body: #"{"endsAt":"2020-01-01T00:00:00Z"}"#)
    #expect(ended.status == .ok)
    let late = try await bench.send(
      .post, "/orders", body: RoutesBench.order(#","couponCode":"A""#))
    #expect(late.problemBody?["reason"]?.textValue == "ended")
  }

  @Test("everybody sees what delivery costs: where, in which currency and from which subtotal")
  func publicMethods() async throws {
    let bench = try await RoutesBench()
    _ = try await bench.makeMethod(
      #""name":"Express","price":{"amount":900,"currency":"USD"}"#)
    _ = try await bench.makeMethod(
      #""name":"Post","countries":["CH"],"price":{"amount":1000,"currency":"USD"},"#
        + #""freeFrom":{"amount":5000,"currency":"USD"}"#)
    _ = try await bench.makeMethod(
      #""name":"Euro","price":{"amount":100,"currency":"EUR"}"#)
    struct Method: Decodable {
      struct Price: Decodable {
        let amount: Int
      }
      let name: String
      let price: Price
    }
    func offers(_ query: String) async throws -> [String] {
      let answer = try await bench.send(.get, "/shipping-methods?\(query)")
      #expect(answer.fields[.cacheControl] == "public, max-age=5")
      return try answer.decoded(as: [Method].self).map { "\($0.name) \($0.price.amount)" }
    }
    #expect(try await offers("") == ["Euro 100", "Express 900", "Post 1000"])
    #expect(try await offers("country=CH&subtotal=4999") == ["Express 900", "Post 1000"])
    #expect(try await offers("country=CH&subtotal=5000") == ["Post 0", "Express 900"])
    #expect(try await offers("country=US&currency=USD") == ["Express 900"])
    #expect(try await offers("currency=EUR") == ["Euro 100"])
    for bad in ["country=ch", "subtotal=-1", "subtotal=x", "currency=XXX", "limit=1"] {
      #expect(try await bench.send(.get, "/shipping-methods?\(bad)").status.code == 422, "\(bad)")
    }
  }

  @Test("a region's tax comes before its country's, however it is written")
  func regions() async throws {
    let bench = try await RoutesBench()
    try await bench.makeRate(#""country":"US","basisPoints":100,"includedInPrice":false"#)
    try await bench.makeRate(
      #""country":"US","region":"ca","basisPoints":725,"includedInPrice":false"#)
    let rates = TaxRateRepository(runner: bench.bench.database)
    #expect(try await rates.rate(country: "US", region: "Ca")?.basisPoints == 725)
    #expect(try await rates.rate(country: "US", region: "NY")?.basisPoints == 100)
    #expect(try await rates.rate(country: "US", region: nil)?.basisPoints == 100)
    #expect(try await rates.rate(country: "CH", region: nil) == nil)
  }
}
