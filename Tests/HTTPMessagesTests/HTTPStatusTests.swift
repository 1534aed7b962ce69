import HTTPMessages
import Testing

@Suite struct HTTPStatusTests {
  @Test("a status tells its class and whether content may follow it")
  func classes() {
    #expect(HTTPStatus.ok.isSuccess && !HTTPStatus.notFound.isSuccess)
    #expect(HTTPStatus.conflict.isClientError && HTTPStatus.badGateway.isServerError)
    #expect(HTTPStatus.continue.isInformational)
    #expect([100, 204, 304].allSatisfy { HTTPStatus($0).forbidsContent })
    #expect([200, 201, 205, 404, 500].allSatisfy { !HTTPStatus($0).forbidsContent })
  }

  @Test("every status has a reason, known or not")
  func reasons() {
    #expect(HTTPStatus.unprocessableContent.reason == "Unprocessable Content")
    #expect(HTTPStatus(599).reason == "Unknown")
  }
}
