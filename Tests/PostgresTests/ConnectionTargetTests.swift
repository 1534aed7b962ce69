import Testing

@testable import Postgres

@Suite struct ConnectionTargetTests {
  @Test("names are resolved and addresses and socket paths are left alone")
  func resolves() throws {
    let named = try ConnectionTarget(url: "postgresql://u@localhost:5433/d")
    #expect(named.needsResolving)
    let resolved = try named.resolved()
    #expect(!resolved.needsResolving)
    #expect(resolved["hostaddr"]?.contains("127.0.0.1") == true)
    let several = try ConnectionTarget(url: "host=/run/pg,127.0.0.1,127.0.0.2 port=1,2,3")
    #expect(!several.needsResolving)
    let places = try several.resolved()
    #expect(places["hostaddr"] == ",127.0.0.1,127.0.0.2")
    #expect(places["port"] == "1,2,3")
  }

  @Test("a string that cannot be read is refused without being repeated")
  func refuses() {
    let error = #expect(throws: PostgresError.self) {
      try ConnectionTarget(url: "postgresql://u:secret@h:port/d?x")
    }
    #expect(error?.description.contains("secret") == false)
  }
}
