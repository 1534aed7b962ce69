import Postgres

/// What each caller does again and again.
enum BenchScenario: String, CaseIterable {
  /// One product by its id.
  case item
  /// The 20 products after an id.
  case list
  /// An order in a transaction, each of its statements awaited before the next is sent.
  case orderRoundTrips = "order-round-trips"
  /// The same transaction, its statements sent at once.
  case orderPipelined = "order-pipelined"
  /// The same order as one statement.
  case orderStatement = "order-statement"

  /// Does it once.
  ///
  /// - Throws: as `SQLRunner.query`; `WrongAnswer`.
  func run(on database: Database, products: Int) async throws {
    switch self {
    case .item:
      let id = Int.random(in: 1...products)
      guard let product = try await BenchProduct.one(id, in: database), product.id == id else {
        throw WrongAnswer()
      }
    case .list:
      let start = Int.random(in: 0...(products - BenchProduct.pageSize))
      let page = try await BenchProduct.page(after: start, in: database)
      guard page.count == BenchProduct.pageSize, page[0].id == start + 1 else {
        throw WrongAnswer()
      }
    case .orderRoundTrips: try await BenchOrder.new().insertOneByOne(in: database)
    case .orderPipelined: try await BenchOrder.new().insertPipelined(in: database)
    case .orderStatement: try await BenchOrder.new().insertAsOneStatement(in: database)
    }
  }

  struct WrongAnswer: Error {}
}
