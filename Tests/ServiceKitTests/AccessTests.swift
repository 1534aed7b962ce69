import SharedKernel
import Testing

@testable import ServiceKit

@Suite("Access rules")
struct AccessTests {
  private static let callers: [Caller] = [
    .anonymous, .user(.new(), role: .customer, session: .v7()),
    .user(.new(), role: .staff, session: .v7()), .user(.new(), role: .admin, session: .v7()),
    .service("order-service"), .service("user-service"),
  ]

  /// Why each of the callers above is turned away; nil where it is let in.
  @Test(
    "each rule lets in whom it names",
    arguments: [
      (.anyone, [nil, nil, nil, nil, nil, nil]),
      (.optional, [nil, nil, nil, nil, .forbidden, .forbidden]),
      (.customer, [.unauthenticated, nil, nil, nil, .forbidden, .forbidden]),
      (.staff, [.unauthenticated, .forbidden, nil, nil, .forbidden, .forbidden]),
      (.admin, [.unauthenticated, .forbidden, .forbidden, nil, .forbidden, .forbidden]),
      (
        .services(["order-service"]),
        [.unauthenticated, .forbidden, .forbidden, .forbidden, nil, .forbidden]
      ),
      (
        .services([]),
        [.unauthenticated, .forbidden, .forbidden, .forbidden, .forbidden, .forbidden]
      ),
    ] as [(Access, [FailureKind?])])
  func table(access: Access, expected: [FailureKind?]) {
    let found = Self.callers.map { caller -> FailureKind? in
      do throws(Problem) {
        try access.admit(caller)
        return nil
      } catch {
        return error.kind
      }
    }
    #expect(found == expected)
  }
}
