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

  @Test("several hosts are several places, each with its own port, or the one for all")
  func places() throws {
    func places(_ text: String, writableFirst: Bool = false) throws -> [[String?]] {
      try ConnectionTarget(url: text).places(writableFirst: writableFirst).map { place in
        ["host", "hostaddr", "port", "target_session_attrs"].map { place[$0] }
      }
    }
    #expect(
      try places("host=/run/pg,a hostaddr=,10.0.0.1 port=1,2")
        == [["/run/pg", "", "1", nil], ["a", "10.0.0.1", "2", nil]])
    #expect(
      try places("host=a,b port=1 target_session_attrs=read-write")
        == [["a", nil, "1", "read-write"], ["b", nil, "1", "read-write"]])
    #expect(
      try places("hostaddr=10.0.0.1,10.0.0.2")
        == [[nil, "10.0.0.1", nil, nil], [nil, "10.0.0.2", nil, nil]])
    #expect(
      try places("host=a,b target_session_attrs=prefer-standby").map(\.last)
        == ["standby", "standby", "any", "any"])
    #expect(
      try places("host=a,b", writableFirst: true).map(\.last)
        == ["read-write", "read-write", "any", "any"])
    #expect(
      try places("host=a,b target_session_attrs=standby", writableFirst: true).map(\.last)
        == ["standby", "standby"])
    #expect(try places("host=a", writableFirst: true) == [["a", nil, nil, nil]])
    #expect(try places("host=a,b,c port=1,2") == [["a,b,c", nil, "1,2", nil]])
    #expect(try places("dbname=d").count == 1)
  }

  @Test("a string that cannot be read is refused without being repeated")
  func refuses() {
    let error = #expect(throws: PostgresError.self) {
      try ConnectionTarget(url: "postgresql://u:secret@h:port/d?x")
    }
    #expect(error?.description.contains("secret") == false)
  }
}
