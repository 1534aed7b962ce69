import Postgres

/// What each caller does again and again.
enum BenchScenario: String, CaseIterable {
  /// One product by its id, as a struct with Strings.
  case item
  /// The same, read in place.
  case itemInPlace = "item-in-place"
  /// The 20 products after an id, as structs with Strings.
  case list
  /// The same, read in place.
  case listInPlace = "list-in-place"
  /// An order in a transaction, each of its statements awaited before the next is sent.
  case orderRoundTrips = "order-round-trips"
  /// The same transaction, its statements sent at once.
  case orderPipelined = "order-pipelined"
  /// The same order as one statement.
  case orderStatement = "order-statement"

  /// Does it once.
  ///
  /// - Throws: as `SQLRunner.query`; `WrongAnswer`.
  nonisolated(nonsending) func run(
    on database: Database, products: Int, using random: inout SplitMix64
  ) async throws {
    switch self {
    case .item:
      let id = Int.random(in: 1...products, using: &random)
      let product = try await database.first(BenchProduct.one(id), BenchProduct.init(row:))
      guard product?.id == id else { throw WrongAnswer() }
    case .itemInPlace:
      let id = Int.random(in: 1...products, using: &random)
      let product = try await database.first(BenchProduct.one(id), BenchProductInPlace.init(row:))
      guard product?.id == id, product?.bytes != 0 else { throw WrongAnswer() }
    case .list:
      let start = Int.random(in: 0...(products - BenchProduct.pageSize), using: &random)
      let page = try await database.query(
        BenchProduct.page(after: start), BenchProduct.init(row:))
      guard page.count == BenchProduct.pageSize, page[0].id == start + 1 else {
        throw WrongAnswer()
      }
    case .listInPlace:
      let start = Int.random(in: 0...(products - BenchProduct.pageSize), using: &random)
      let page = try await database.query(
        BenchProduct.page(after: start), BenchProductInPlace.init(row:))
      guard page.count == BenchProduct.pageSize, page[0].id == start + 1, page[0].bytes > 0 else {
        throw WrongAnswer()
      }
    case .orderRoundTrips: try await BenchOrder.new(using: &random).insertOneByOne(in: database)
    case .orderPipelined: try await BenchOrder.new(using: &random).insertPipelined(in: database)
    case .orderStatement:
      try await BenchOrder.new(using: &random).insertAsOneStatement(in: database)
    }
  }

  struct WrongAnswer: Error {}
}

/// Numbers that need not surprise anybody, without the system call of Swift's own generator: the others of
/// the comparison make theirs themselves, too. (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
/// Generators, 2014.)
struct SplitMix64: RandomNumberGenerator {
  private var state = UInt64.random(in: 0...UInt64.max)

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
