import CoreHTTP
import HTTPMessages
import Testing

@Suite struct RoutePatternTests {
  @Test("a pattern that could never be meant ends the program at its registration")
  func mistakes() async {
    await #expect(processExitsWith: .failure) { _ = RoutePattern("products") }
    await #expect(processExitsWith: .failure) { _ = RoutePattern("/products/{id") }
    await #expect(processExitsWith: .failure) { _ = RoutePattern("/products/{}") }
    await #expect(processExitsWith: .failure) { _ = RoutePattern("/products/x{id}") }
    await #expect(processExitsWith: .failure) { _ = RoutePattern("/{id}/{id}") }
  }

  @Test("so does a second route of one method for the same paths")
  func duplicates() async {
    await #expect(processExitsWith: .failure) {
      var router = Router()
      router.onSync(.get, "/products/{id}") { _, _ in HTTPResponse(.ok) }
      router.onSync(.get, "/products/{number}") { _, _ in HTTPResponse(.ok) }
    }
  }
}
