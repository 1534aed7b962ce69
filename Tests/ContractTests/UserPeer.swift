import CoreHTTP
import Postgres
import ServiceKit
import SharedKernel

@testable import Users

/// The user service's address book.
enum UserPeer {
  static func router(in shop: ShopDatabase) async throws -> (Router, Database) {
    let url = try await shop.addSchema("users", role: "user_app")
    try await Migrator.run(
      commonMigrations(appRole: "user_app") + userMigrations, schema: "users", on: shop.url)
    let database = try ShopDatabase.open(url)
    var routes = Routes(
      kit: RouterUpstream.kit(
        database, secrets: try ServiceSecrets(key: [UInt8](repeating: 3, count: 32))))
    AddressRoutes(
      store: AddressRepository(runner: database),
      within: { AddressRepository(runner: $0.transaction) }
    ).add(to: &routes)
    return (routes.router, database)
  }

  static func user(in database: Database) async throws -> UserID {
    let id = UserID.new()
    try await database.execute(
      """
      INSERT INTO users (id, email, password_hash, name, role, status)
      VALUES (\(id), \("\(id)@shop.example"), 'none', 'Ada', 'customer', 'active')
      """)
    return id
  }

  static func address(
    of user: UserID, in database: Database
  ) async throws -> (id: String, isDefault: Bool) {
    let address = try await database.transaction { transaction in
      try await AddressRepository(runner: transaction).insert(
        AddressFields(
          name: "Ada", line1: "7 Rose Lane", line2: nil, city: "Bern", region: nil,
          postalCode: "3000", country: "CH", phone: nil), isDefault: false, for: user)
    }
    return (address.id.description, address.isDefault)
  }
}
