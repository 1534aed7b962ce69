/// One of the five services, as far as starting it needs to know.
struct ServiceEntry: Sendable {
  /// The word people type, and the `iss` of its tokens: "order".
  let short: String
  /// The executable's name, and its name in Consul: "order-service".
  let name: String
  /// Its schema in the database.
  let schema: String
  /// Its port unless told otherwise.
  let port: Int
  /// The duty, in a line of the table.
  let duty: String

  var ownerRole: String { "\(short)_owner" }
  var applicationRole: String { "\(short)_app" }

  /// In the order in which they are migrated, seeded and listed.
  static let all = [
    ServiceEntry(
      short: "product", name: "product-service", schema: "product", port: 8081,
      duty: "catalogue, stock, reservations"),
    ServiceEntry(
      short: "order", name: "order-service", schema: "orders", port: 8082,
      duty: "orders, checkout saga"),
    ServiceEntry(
      short: "user", name: "user-service", schema: "users", port: 8083,
      duty: "accounts, sessions, keys"),
    ServiceEntry(
      short: "payment", name: "payment-service", schema: "payment", port: 8084,
      duty: "payments, ledger, provider"),
    ServiceEntry(
      short: "notification", name: "notification-service", schema: "notification", port: 8085,
      duty: "receipts and notices"),
  ]

  /// In the order in which their tables are emptied: who tells of events before who reads them. A
  /// consumer that is emptied too early reads old events once more, and is then ahead of a feed that
  /// begins anew.
  static let sourcesFirst = ["product", "user", "payment", "order", "notification"].map { short in
    guard let entry = all.first(where: { $0.short == short }) else {
      preconditionFailure("there is no service \(short)")
    }
    return entry
  }

  /// The service called `word`, short or in full.
  static func find(_ word: String) -> ServiceEntry? {
    all.first { $0.short == word || $0.name == word }
  }
}
