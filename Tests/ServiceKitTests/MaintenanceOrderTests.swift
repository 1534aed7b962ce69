import SharedKernel
import Testing

@testable import ServiceKit

@Suite("An order for maintenance")
struct MaintenanceOrderTests {
  private func reason(_ json: String) throws -> String? {
    try JSONDecoding.decode(MaintenanceOrder.self, from: Array(json.utf8)).checkedReason()
  }

  @Test("maintenance has a reason, and its end has none")
  func accepted() throws {
    #expect(try reason(#"{"enabled": true, "reason": "a new disk"}"#) == "a new disk")
    let longest = String(repeating: "ü", count: MaintenanceOrder.reasonLengthMax)
    #expect(try reason(#"{"enabled": true, "reason": "\#(longest)"}"#) == longest)
    #expect(try reason(#"{"enabled": false}"#) == nil)
  }

  @Test(
    "what is missing, unknown, of another type or too long is refused by its place",
    arguments: [
      (#"{}"#, "/enabled"), (#"{"enabled": 1, "reason": "x"}"#, "/enabled"),
      (#"{"enabled": true}"#, "/reason"), (#"{"enabled": true, "reason": ""}"#, "/reason"),
      (#"{"enabled": true, "reason": "a\u0007b"}"#, "/reason"),
      (#"{"enabled": true, "reason": 5}"#, "/reason"),
      (#"{"enabled": false, "reason": "x"}"#, "/reason"),
      (#"{"enabled": true, "reason": "x", "for": 5}"#, "/for"),
    ])
  func refused(json: String, pointer: String) throws {
    let failure = #expect(throws: ValidationFailure.self) { _ = try reason(json) }
    #expect(failure?.faults.map(\.pointer) == [pointer])
  }

  @Test("a reason may have 200 characters and no more")
  func tooLong() throws {
    let reason = String(repeating: "x", count: MaintenanceOrder.reasonLengthMax + 1)
    #expect(throws: ValidationFailure.self) {
      _ = try self.reason(#"{"enabled": true, "reason": "\#(reason)"}"#)
    }
  }
}
