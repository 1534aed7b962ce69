import Postgres
import ServiceKit
import SharedKernel

/// Users' addresses in PostgreSQL. Whoever changes them locks the user's row, so that one is the default
/// and that no more are made than there may be.
struct AddressRepository: AddressStore {
  let runner: any SQLRunner

  private static let columns: SQL =
    "id, name, line1, line2, city, region, postal_code, country, phone, is_default"

  func addresses(of user: UserID) async throws -> [Address] {
    try await runner.query(
      """
      SELECT \(Self.columns) FROM addresses WHERE user_id = \(user) ORDER BY is_default DESC, id
      """, Address.init(row:))
  }

  func address(_ id: ID<Address>, of user: UserID) async throws -> Address? {
    try await runner.first(
      "SELECT \(Self.columns) FROM addresses WHERE id = \(id) AND user_id = \(user)",
      Address.init(row:))
  }

  func insert(
    _ fields: AddressFields, isDefault: Bool, for user: UserID
  ) async throws -> Address {
    try await lock(user)
    let count: Int? = try await runner.value(
      "SELECT count(*) FROM addresses WHERE user_id = \(user)")
    guard let count, count < Address.countPerUserMax else {
      throw ValidationFailure(
        "", "too_many", "a user has \(Address.countPerUserMax) addresses at most")
    }
    if isDefault { try await clearDefault(of: user) }
    let made = try await runner.first(
      """
      INSERT INTO addresses (user_id, id, name, line1, line2, city, region, postal_code, country,
        phone, is_default)
      VALUES (\(user), \(ID<Address>.new()), \(fields.name), \(fields.line1), \(fields.line2),
        \(fields.city), \(fields.region), \(fields.postalCode), \(fields.country), \(fields.phone),
        \(isDefault || count == 0))
      RETURNING \(Self.columns)
      """, Address.init(row:))
    guard let made else { throw PostgresError.invalid("an inserted address is not there") }
    return made
  }

  func replace(
    _ id: ID<Address>, of user: UserID, by fields: AddressFields, isDefault: Bool?
  ) async throws -> Address? {
    try await lock(user)
    guard let old = try await address(id, of: user) else { return nil }
    if isDefault == true && !old.isDefault { try await clearDefault(of: user) }
    return try await runner.first(
      """
      UPDATE addresses SET name = \(fields.name), line1 = \(fields.line1), line2 = \(fields.line2),
        city = \(fields.city), region = \(fields.region), postal_code = \(fields.postalCode),
        country = \(fields.country), phone = \(fields.phone),
        is_default = \(isDefault ?? old.isDefault)
      WHERE id = \(id) AND user_id = \(user)
      RETURNING \(Self.columns)
      """, Address.init(row:))
  }

  func remove(_ id: ID<Address>, of user: UserID) async throws -> Bool {
    try await runner.execute("DELETE FROM addresses WHERE id = \(id) AND user_id = \(user)") == 1
  }

  private func lock(_ user: UserID) async throws {
    let found = try await runner.execute(
      "SELECT id FROM users WHERE id = \(user) AND status = 'active' FOR UPDATE")
    if found == 0 { throw NotFound("user") }
  }

  private func clearDefault(of user: UserID) async throws {
    try await runner.send(
      "UPDATE addresses SET is_default = false WHERE user_id = \(user) AND is_default")
  }
}

extension Address {
  init(row: inout Row) throws {
    id = try row.next()
    fields = AddressFields(
      name: try row.next(), line1: try row.next(), line2: try row.next(), city: try row.next(),
      region: try row.next(), postalCode: try row.next(), country: try row.next(),
      phone: try row.next())
    isDefault = try row.next()
  }
}
