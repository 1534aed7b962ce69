import HTTPMessages
import Testing

@Suite struct HTTPMethodTests {
  @Test("methods are read in their own case only (9110 §9.1)")
  func rawValues() {
    #expect(HTTPMethod(rawValue: "PATCH") == .patch)
    #expect(HTTPMethod(rawValue: "patch") == nil)
  }

  @Test("what is safe is idempotent, and PUT and DELETE are too (9110 §9.2)")
  func properties() {
    #expect(HTTPMethod.allCases.allSatisfy { !$0.isSafe || $0.isIdempotent })
    #expect(HTTPMethod.put.isIdempotent && HTTPMethod.delete.isIdempotent)
    #expect(!HTTPMethod.post.isIdempotent && !HTTPMethod.patch.isIdempotent)
  }
}
