package import Postgres
package import SharedKernel

/// The order of a list that is read page by page: by columns that are unique together, all ascending or
/// all descending. A page begins behind the last row of the one before, so that it costs the same
/// wherever it is, and rows that come or go meanwhile move no other. (Keyset pagination; Winand, "SQL
/// Performance Explained", chapter Partial Results.)
///
///     static let newestFirst = Keyset<Order>(
///       .descending, .init("o.created_at", \.createdAt), .init("o.id", \.id))
package struct Keyset<Element>: Sendable {
  /// Of all columns alike, so that one comparison of rows finds the place.
  package enum Direction: Sendable {
    case ascending
    case descending
  }

  /// One column of the key, and where its value is in an element.
  package struct Column: Sendable {
    let name: SQL
    let text: @Sendable (Element) -> String
    /// The value as a parameter; nil for a text that is none.
    let parameter: @Sendable (String) -> SQL?

    /// - Parameter name: with an index that begins with the key's columns in their order.
    package init<Value: CursorPart>(
      _ name: StaticString, _ value: @escaping @Sendable (Element) -> Value
    ) {
      self.name = "\(raw: name)"
      text = { value($0).cursorText }
      parameter = { text in Value(cursorText: text).map { "\($0)" } }
    }
  }

  private let direction: Direction
  private let columns: [Column]

  /// - Parameter columns: the most significant first.
  package init(_ direction: Direction, _ columns: Column...) {
    self.direction = direction
    self.columns = columns
  }

  func cursor(of element: Element) -> Cursor {
    Cursor(columns.map { $0.text(element) })
  }

  /// The rows behind `cursor`.
  ///
  /// - Throws: `ValidationFailure` if it is a cursor of another list.
  func condition(after cursor: Cursor) throws(ValidationFailure) -> SQL {
    let parameters = zip(columns, cursor.parts).compactMap { $0.parameter($1) }
    guard cursor.parts.count == columns.count, parameters.count == columns.count else {
      throw ValidationFailure("cursor", "invalid", "is not a cursor of this list")
    }
    let key = SQL.joined(columns.map(\.name), separator: ", ")
    let last = SQL.joined(parameters, separator: ", ")
    return switch direction {
    case .ascending: "(\(key)) > (\(last))"
    case .descending: "(\(key)) < (\(last))"
    }
  }

  var order: SQL {
    switch direction {
    case .ascending: SQL.joined(columns.map(\.name), separator: ", ")
    case .descending: SQL.joined(columns.map { "\($0.name) DESC" }, separator: ", ")
    }
  }
}

/// A value that a cursor holds as text, the whole of it.
package protocol CursorPart: SQLEncodable, SendableMetatype {
  /// nil for a text that is none of this type's.
  init?(cursorText: String)
  /// From which `init` makes the same value again.
  var cursorText: String { get }
}

extension CursorPart where Self: LosslessStringConvertible {
  package init?(cursorText: String) { self.init(cursorText) }
  package var cursorText: String { description }
}

extension Int64: CursorPart {}
extension UUID128: CursorPart {}
extension ID: CursorPart {}

/// In microseconds, as the database has it: its description has milliseconds alone.
extension Timestamp: CursorPart {
  package init?(cursorText: String) {
    guard let microseconds = Int64(cursorText) else { return nil }
    self.init(microseconds: microseconds)
  }

  package var cursorText: String { "\(microseconds)" }
}

extension SQLRunner {
  /// One page of a list, and how many rows all pages have if the request wants to know.
  ///
  /// - Parameters:
  ///   - name: the statement's (`SQL.named`).
  ///   - columns: what `decode` reads.
  ///   - table: what stands behind FROM.
  ///   - conditions: all hold for each row of the list.
  ///   - counter: where all rows are counted, for a list that is long; nil is here.
  /// - Throws: `ValidationFailure` for a cursor of another list; else as `query`.
  package nonisolated(nonsending) func page<Element: Sendable>(
    _ request: PageRequest, named name: StaticString, by keyset: Keyset<Element>,
    select columns: SQL, from table: SQL, where conditions: [SQL],
    countIn counter: (any SQLRunner)? = nil, _ decode: (inout Row) throws -> Element
  ) async throws -> Page<Element> {
    let all = conditions.isEmpty ? "true" : SQL.joined(conditions, separator: " AND ")
    let behind: SQL = try request.after.map { " AND \(try keyset.condition(after: $0))" } ?? ""
    let rows = try await query(
      .named(
        name,
        """
        SELECT \(columns) FROM \(table) WHERE \(all)\(behind)
        ORDER BY \(keyset.order) LIMIT \(request.limit + 1)
        """), decode)
    let total =
      request.wantsTotal
      ? try await (counter ?? self).value(
        "SELECT count(*) FROM \(table) WHERE \(all)", as: Int.self) : nil
    return Page(rows: rows, limit: request.limit, total: total, cursor: keyset.cursor)
  }
}
