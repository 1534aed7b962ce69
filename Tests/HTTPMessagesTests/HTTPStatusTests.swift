import HTTPMessages
import Testing

@Suite struct HTTPStatusTests {
  @Test("a status tells whether it is a success and whether content may follow it")
  func classes() {
    #expect(HTTPStatus.ok.isSuccess && !HTTPStatus.notFound.isSuccess)
    #expect([100, 204, 304].allSatisfy { HTTPStatus($0).forbidsContent })
    #expect([200, 201, 205, 404, 500].allSatisfy { !HTTPStatus($0).forbidsContent })
  }

  @Test("every status has a reason, known or not")
  func reasons() {
    #expect(HTTPStatus(422).reason == "Unprocessable Content")
    #expect(HTTPStatus(599).reason == "Unknown")
  }
}
