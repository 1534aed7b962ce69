import Postgres
import SharedKernel
import Testing

@testable import ServiceKit

@Suite("Lists read page by page", .timeLimit(.minutes(5)))
struct KeysetTests {
  private struct Item: Hashable {
    let at: Timestamp
    let id: Int64

    init(_ row: inout Row) throws {
      at = try row.next()
      id = try row.next()
    }
  }

  private static let oldestFirst = Keyset<Item>(.ascending, .init("at", \.at), .init("id", \.id))
  private static let newestFirst = Keyset<Item>(.descending, .init("at", \.at), .init("id", \.id))
  private static let byID = Keyset<Item>(.ascending, .init("id", \.id))

  /// 30 items, three of each microsecond.
  private func withItems(_ body: (any SQLRunner) async throws -> Void) async throws {
    let bench = try await KitBench()
    try await bench.database.transaction { transaction in
      try await transaction.send(
        """
        CREATE TEMPORARY TABLE items ON COMMIT DROP AS
        SELECT timestamptz '2026-11-22' + (n / 3) * interval '1 microsecond' AS at, n AS id
        FROM generate_series(0::int8, 29) AS n
        """)
      try await body(transaction)
    }
  }

  /// Reads the whole list.
  private func pages(
    of keyset: Keyset<Item>, limit: Int, where conditions: [SQL] = [], in runner: any SQLRunner
  ) async throws -> [[Item]] {
    var pages: [[Item]] = []
    var after: Cursor?
    repeat {
      // As a client sends it back.
      let cursor = try after.map { try #require(Cursor($0.description)) }
      let page = try await runner.page(
        try PageRequest(limit: limit, after: cursor), named: "item.list", by: keyset,
        select: "at, id", from: "items", where: conditions, Item.init)
      pages.append(page.elements)
      after = page.next
    } while after != nil
    return pages
  }

  @Test(
    "all pages together are the list in its order, each element once", arguments: [1, 7, 10, 100])
  func wholeList(limit: Int) async throws {
    try await withItems { runner in
      let all = try await runner.query("SELECT at, id FROM items ORDER BY at, id", Item.init)
      #expect(all.count == 30)
      for (keyset, expected) in [
        (Self.oldestFirst, all), (Self.newestFirst, all.reversed()), (Self.byID, all),
      ] {
        let pages = try await pages(of: keyset, limit: limit, in: runner)
        #expect(Array(pages.joined()) == expected)
        #expect(pages.dropLast().allSatisfy { $0.count == limit })
        #expect(pages.last?.isEmpty == false)
      }
    }
  }

  @Test("the conditions hold on each page; the total is of all pages, and only when it is wanted")
  func conditions() async throws {
    try await withItems { runner in
      let conditions: [SQL] = ["id % 2 = \(1)", "id < \(20)"]
      let pages = try await pages(of: Self.byID, limit: 4, where: conditions, in: runner)
      #expect(pages.map { $0.map(\.id) } == [[1, 3, 5, 7], [9, 11, 13, 15], [17, 19]])
      for wantsTotal in [true, false] {
        let page = try await runner.page(
          try PageRequest(limit: 2, after: Cursor(["15"]), wantsTotal: wantsTotal),
          named: "item.list", by: Self.byID, select: "at, id", from: "items", where: conditions,
          Item.init)
        #expect(page.elements.map(\.id) == [17, 19])
        #expect(page.next == nil)
        #expect(page.total == (wantsTotal ? 10 : nil))
      }
    }
  }

  @Test(
    "a cursor of another list is refused",
    arguments: [[], ["x"], ["1"], ["1", "2", "3"], ["1", ""]])
  func otherCursors(parts: [String]) async throws {
    #expect(throws: ValidationFailure.self) {
      try Self.newestFirst.condition(after: Cursor(parts))
    }
  }
}
