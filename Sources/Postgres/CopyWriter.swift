/// Takes the rows of a COPY. Lent to the body of `Transaction.copy`.
package struct CopyWriter: ~Copyable {
  /// When so many bytes of rows have come together they are handed to the connection, and their caller
  /// waits until the socket has taken them: this and libpq's copy of it are all that is held.
  private static let pieceBytesMax = 64 * 1024
  /// The binary format's signature, no flags, no extension. (PostgreSQL's documentation, section COPY,
  /// Binary Format.)
  private static let header: [UInt8] =
    Array("PGCOPY\n".utf8) + [0xff, 0x0d, 0x0a, 0x00] + [0, 0, 0, 0, 0, 0, 0, 0]
  private static let trailer: [UInt8] = [0xff, 0xff]

  private let transaction: Transaction
  private let statement: SQL
  private var bytes = Self.header

  init(_ statement: SQL, in transaction: Transaction) {
    self.statement = statement
    self.transaction = transaction
    bytes.reserveCapacity(Self.pieceBytesMax + Self.pieceBytesMax / 4)
  }

  /// Adds one row: a value for each column, in their order, each of the column's very type (`Int` is
  /// int8, not int4).
  ///
  /// - Throws: as `Transaction.execute`. A row that the server refuses is told of at the end.
  package mutating nonisolated(nonsending) func append<each Value: SQLEncodable>(
    _ values: repeat each Value
  ) async throws {
    let countAt = bytes.count
    Int16(0).appendBigEndian(to: &bytes)
    var count: UInt16 = 0
    for value in repeat each values {
      value.encodeWithLength(into: &bytes)
      count += 1
    }
    bytes[countAt] = UInt8(count >> 8)
    bytes[countAt + 1] = UInt8(truncatingIfNeeded: count)
    if bytes.count >= Self.pieceBytesMax { try await handOver() }
  }

  mutating nonisolated(nonsending) func finish() async throws {
    bytes += Self.trailer
    try await handOver()
  }

  private mutating nonisolated(nonsending) func handOver() async throws {
    try await transaction.perform(.data(bytes), of: statement)
    bytes.removeAll(keepingCapacity: true)
  }
}
