import Postgres
import Testing

private enum Status: String, SQLEncodable, SQLDecodable, SQLArrayElement { case open, shut }

private struct OrderID: SQLRepresentable, Equatable {
  let value: SQLUUID
  var sqlValue: SQLUUID { value }
  init(sqlValue: SQLUUID) { value = sqlValue }
}

@Suite struct SQLValueTests {
  @Test("values come back as they were bound")
  func roundTrip() async throws {
    try await withDatabase("values") { database in
      func same<T: SQLEncodable & SQLDecodable & Equatable>(_ values: T...) async throws {
        for value in values {
          let back = try await database.value("SELECT \(value)", as: T.self)
          #expect(back == value)
          let null = try await database.first("SELECT \(T?.none)") { try $0.next(as: T?.self) }
          #expect(null == .some(.none))
        }
      }
      try await same(0, 1, -1, Int.max, Int.min)
      try await same(Int64.max, .min)
      try await same(Int32.max, .min)
      try await same(Int16.max, .min)
      try await same(true, false)
      try await same(0, -0.5, 1e300, .infinity)
      try await same("", "a", "é日本🛒", String(repeating: "x", count: 100_000))
      try await same([UInt8](), [0, 255, 7])
      try await same(SQLUUID(high: 0x0123_4567_89ab_cdef, low: .max))
      try await same(OrderID(sqlValue: SQLUUID(high: 1, low: 2)))
      try await same(Status.open, .shut)
      try await same(SQLTimestamp(microsecondsSince1970: 1_700_000_000_123_456))
      try await same(SQLTimestamp(microsecondsSince1970: -1))
      try await same([Int](), [1, -2, .max])
      try await same([Int32](), [1, -2])
      try await same([String](), ["", "a", "b,\"c"])
      try await same([SQLUUID](), [SQLUUID(high: 1, low: 2), SQLUUID(high: 3, low: 4)])
      try await same([OrderID(sqlValue: SQLUUID(high: 1, low: 2))])
      try await same([Status.open, .shut])
      try await same([true, false])
      try await same([SQLTimestamp(microsecondsSince1970: 5)])
      try await same([0.5, 1])
    }
  }

  @Test("values mean to the server what they mean here")
  func agreesWithTheServer() async throws {
    try await withDatabase("meanings") { database in
      func expect(_ statement: SQL, is text: String) async throws {
        let answer = try await database.value(statement, as: String.self)
        #expect(answer == text)
      }
      let noon = SQLTimestamp(microsecondsSince1970: 1_700_000_000_123_456)
      try await expect(
        "SELECT (\(noon) AT TIME ZONE 'UTC')::text", is: "2023-11-14 22:13:20.123456")
      let uuid = SQLUUID(high: 0x0123_4567_89ab_cdef, low: 0x0011_2233_4455_6677)
      try await expect("SELECT \(uuid)::text", is: "01234567-89ab-cdef-0011-223344556677")
      try await expect("SELECT \([1, 2])::text", is: "{1,2}")
      try await expect("SELECT \([0xde, 0xad] as [UInt8])::text", is: #"\xdead"#)
      try await expect("SELECT \(JSONText(#"{"a": [1]}"#)) -> 'a' ->> 0", is: "1")
      let document = try await database.value("SELECT '{\"a\":1}'::jsonb", as: JSONText.self)
      #expect(document == JSONText(#"{"a": 1}"#))
    }
  }

  @Test("integers of every width and texts of every kind are read")
  func widths() async throws {
    try await withDatabase("widths") { database in
      let row = try await database.first(
        "SELECT 1::int2, 2::int4, 3::int8, 'a'::varchar, 'b'::char(2), 'c'::name, 4::float4"
      ) { row in
        (
          try row.next(as: Int.self), try row.next(as: Int.self), try row.next(as: Int32.self),
          try row.next(as: String.self), try row.next(as: String.self),
          try row.next(as: String.self), try row.next(as: Double.self)
        )
      }
      let (a, b, c, d, e, f, g) = try #require(row)
      #expect((a, b, c) == (1, 2, 3))
      #expect((d, e, f) == ("a", "b ", "c"))
      #expect(g == 4)
    }
  }

  @Test("a cell that is not what it is read as is an error that names the column")
  func refusesOtherTypes() async throws {
    try await withDatabase("refusals") { database in
      func fault(_ body: () async throws -> Void) async -> String? {
        guard case .decoding(let column, let reason, _) = await postgresError(body) else {
          return nil
        }
        return "\(column): \(reason)"
      }
      #expect(
        await fault { _ = try await database.values("SELECT NULL::int AS n", as: Int.self) }
          == "n: NULL, read as Int")
      #expect(
        await fault { _ = try await database.values("SELECT 5000000000 AS n", as: Int32.self) }
          == "n: a value outside the type, read as Int32")
      #expect(
        await fault { _ = try await database.values("SELECT 1.5 AS n", as: Double.self) }
          == "n: a value of the type with oid 1700, read as Double")
      #expect(
        await fault { _ = try await database.values("SELECT 'odd' AS s", as: Status.self) }
          == "s: a value outside the type, read as Status")
      #expect(
        await fault {
          _ = try await database.first("SELECT 1") { row in
            (try row.next(as: Int.self), try row.next(as: Int.self))
          }
        }?.contains("no such column") == true)
    }
  }

  @Test("text, text arrays and JSON can be read without a copy, and nothing else as them")
  func lent() async throws {
    try await withDatabase("lent") { database in
      let rows = try await database.query(
        "SELECT 'abc'::text, ARRAY['x', '', 'é'], '{\"bb\": [1], \"a\": null}'::jsonb, '[ ]'::json"
      ) { row in
        var read = [text(try row.nextCell().text)]
        try row.nextCell().forEachText { read.append(text($0)) }
        read.append(text(try row.nextCell().json))
        read.append(text(try row.nextCell().json))
        return read
      }
      #expect(rows == [["abc", "x", "", "é", #"{"a": null, "bb": [1]}"#, "[ ]"]])
      for statement: SQL in ["SELECT NULL::text", "SELECT 1", "SELECT now()", "SELECT"] {
        _ = try await database.query(statement) { row in
          let cell = row.nextCell()
          #expect(throws: SQLCellFault.self) { try cell.text }
          #expect(throws: SQLCellFault.self) { try cell.json }
          #expect(throws: SQLCellFault.self) { try cell.forEachText { _ in } }
          guard case .decoding(_, let reason, _) = row.error(.null, readAs: "text") else {
            Issue.record("no decoding error")
            return
          }
          #expect(reason == "NULL, read as text")
        }
      }
    }
  }
}

private func text(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
  String(decoding: bytes, as: UTF8.self)
}
