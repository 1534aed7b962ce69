import HTTPMessages
import Testing

@Suite struct HTTPMethodTests {
  @Test("methods are read in their own case only (9110 §9.1)")
  func rawValues() {
    #expect(HTTPMethod(rawValue: "PATCH") == .patch)
    #expect(HTTPMethod(rawValue: "patch") == nil)
  }
}
