package import Postgres
package import SharedKernel

// How the kernel's values stand in the database. Here once, so that neither module knows the other.

extension UUID128: SQLRepresentable {
  package var sqlValue: SQLUUID { SQLUUID(high: high, low: low) }

  package init(sqlValue: SQLUUID) {
    self.init(high: sqlValue.high, low: sqlValue.low)
  }
}

extension ID: SQLRepresentable, SQLEncodable, SQLDecodable, SQLArrayElement {
  package var sqlValue: SQLUUID { uuid.sqlValue }

  package init(sqlValue: SQLUUID) {
    self.init(UUID128(sqlValue: sqlValue))
  }
}

extension Timestamp: SQLRepresentable {
  package var sqlValue: SQLTimestamp { SQLTimestamp(microsecondsSince1970: microseconds) }

  package init(sqlValue: SQLTimestamp) {
    self.init(microseconds: sqlValue.microsecondsSince1970)
  }
}

extension Currency: SQLRepresentable {
  package var sqlValue: String { code }

  package init(sqlValue: String) throws {
    struct UnknownCurrency: Error {}
    guard let currency = Currency(sqlValue) else { throw UnknownCurrency() }
    self = currency
  }
}
