import HTTPMessages
import ServiceKit
import SharedKernel
import Testing

@Suite("Problems")
struct ProblemTests {
  private func answer(_ failure: any Failure) -> HTTPResponse {
    .problem(failure, instance: "/orders/1", requestID: "request-1")
  }

  @Test("a failure is told by the members of RFC 9457, then by its own")
  func shape() throws {
    let response = answer(
      Problem(
        .insufficientStock, "Not \"enough\".",
        members: [
          "to": ["a", 2], "from": .money(try Money(minorUnits: 5, currency: .usd)),
          "available": 3,
        ],
        faults: [Fault("/lines/0", "short", members: ["variantId": 7]), Fault("/x", "y", "z")]))
    #expect(response.status.code == 409)
    #expect(response.fields[.contentType] == "application/problem+json")
    #expect(
      String(decoding: response.body, as: UTF8.self)
        == #"{"type":"https://errors.shop.example/insufficient-stock","#
        + #""title":"Insufficient stock","status":409,"detail":"Not \"enough\".","#
        + #""instance":"/orders/1","requestId":"request-1","available":3,"#
        + #""from":{"amount":5,"currency":"USD"},"to":["a",2],"#
        + #""errors":[{"pointer":"/lines/0","code":"short","variantId":7},"#
        + #"{"pointer":"/x","code":"y","detail":"z"}]}"#)
  }

  @Test("every kind of failure has a status and a title", arguments: FailureKind.allCases)
  func kinds(kind: FailureKind) throws {
    let response = answer(Problem(kind, "x"))
    #expect((400..<600).contains(response.status.code))
    #expect(kind.problem.title.isEmpty == false)
    #expect(response.problemKind == kind)
    #expect(response.problemBody?["status"] == .number("\(response.status.code)"))
    #expect((response.fields["WWW-Authenticate"] != nil) == (response.status.code == 401))
  }

  @Test("a bearer whose token is old is told so")
  func challenge() {
    #expect(
      answer(Problem(.unauthenticated, "x")).fields["WWW-Authenticate"] == "Bearer realm=\"shop\"")
    #expect(
      answer(Problem(.tokenExpired, "x")).fields["WWW-Authenticate"]
        == "Bearer realm=\"shop\", error=\"invalid_token\"")
  }

  @Test(
    "the time to wait is told in whole seconds, rounded up",
    arguments: [
      (.zero, "0"), (.milliseconds(1), "1"), (.seconds(1), "1"), (.milliseconds(1001), "2"),
      (.seconds(-5), "0"),
    ] as [(Duration, String)])
  func retryAfter(wait: Duration, text: String) {
    let problem = Problem(.rateLimited, "x", retryAfter: wait)
    #expect(answer(problem).fields[.retryAfter] == text)
    #expect(answer(Problem(.rateLimited, "x")).fields[.retryAfter] == nil)
  }
}
