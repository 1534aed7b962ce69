import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct ServerVersionTests {
  /// The oldest that README.md promises.
  private static let majorMin = 13

  @Test("the server is of the major version that is asked for, and of none that is too old")
  func version() async throws {
    let url = try await PrivatePostgres.shared().adminURL
    let number: Int? = try await withDatabase(url: url) { database in
      try await database.value("SELECT current_setting('server_version_num')::int8")
    }
    let major = try #require(number) / 10_000
    #expect(major >= Self.majorMin)
    // Of `./shop test postgres MAJOR`.
    if let asked = ProcessInfo.processInfo.environment["SHOP_TEST_POSTGRES_MAJOR"] {
      #expect(asked == "\(major)")
    }
  }
}
