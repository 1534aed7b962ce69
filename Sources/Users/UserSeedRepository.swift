import Postgres
import ServiceKit
import SharedKernel

/// The development accounts that the README names. Their passwords are public, so the settings
/// refuse to seed in production.
struct UserSeedRepository {
  let database: Database

  private static let accounts:
    [(id: String, email: String, password: String, name: String, role: Role)] = [
      (
        "01900000-0000-7000-8000-000000000001", "shopper@shop.example", "shopper-likes-laptops",
        "Sam Shopper", .customer
      ),
      (
        "01900000-0000-7000-8000-000000000002", "staff@shop.example", "staff-packs-parcels",
        "Stella Staff", .staff
      ),
      (
        "01900000-0000-7000-8000-000000000003", "admin@shop.example", "admin-minds-the-shop",
        "Ada Admin", .admin
      ),
    ]

  /// Adds the accounts that are missing.
  func run() async throws {
    for account in Self.accounts {
      guard let id = UserID(account.id) else { preconditionFailure("the ids above are UUIDs") }
      let hash = try await PasswordHash.make(of: account.password)
      try await database.execute(
        """
        INSERT INTO users (id, email, password_hash, name, role, status, email_verified_at)
        VALUES (\(id), \(account.email), \(hash.text), \(account.name), \(account.role.rawValue),
          'active', now())
        ON CONFLICT DO NOTHING
        """)
    }
  }
}
