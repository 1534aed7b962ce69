import Postgres
import ServiceKit
import SharedKernel

/// The keys that sign users' tokens: kept in the database, the private part sealed with the
/// service's secret, so that every instance signs with the same one.
struct SigningKeyRepository: Sendable {
  let database: Database
  let secrets: ServiceSecrets

  /// The key in use; makes the first one.
  func current() async throws -> SigningKey {
    if let key = try await newest() { return key }
    let key = SigningKey.generate()
    let sealed = try secrets.seal(key.rawBytes, context: Self.context(key.verifyingKey.id))
    try await database.transaction { transaction in
      // Of several instances that start together one inserts. The lock is a statement of its own, so
      // that the next one sees what the holder before us committed.
      try await transaction.send("SELECT pg_advisory_xact_lock(7283001)")
      try await transaction.send(
        """
        INSERT INTO signing_keys (kid, public, private)
        SELECT \(key.verifyingKey.id), \(key.verifyingKey.rawBytes), \(sealed)
        WHERE NOT EXISTS (SELECT 1 FROM signing_keys WHERE retired_at IS NULL)
        """)
    }
    guard let key = try await newest() else {
      throw PostgresError.invalid("no signing key after one was inserted")
    }
    return key
  }

  /// The document of `/.well-known/jwks.json`; never without a key, since whoever reads it believes
  /// it for a while.
  func keySet() async throws -> [UInt8] {
    _ = try await current()
    let keys = try await database.query(
      """
      SELECT public FROM signing_keys
      WHERE retired_at IS NULL OR retired_at > now() - interval '1 hour' ORDER BY active_from
      """
    ) { row in try VerifyingKey(rawBytes: try row.next()) }
    return try UserTokenSigner.keySet(keys)
  }

  private func newest() async throws -> SigningKey? {
    try await database.first(
      """
      SELECT kid, private FROM signing_keys WHERE retired_at IS NULL
      ORDER BY active_from DESC LIMIT 1
      """
    ) { row in
      let kid: String = try row.next()
      return try SigningKey(
        rawBytes: try secrets.open(try row.next(), context: Self.context(kid)))
    }
  }

  private static func context(_ kid: String) -> String { "signing-key:\(kid)" }
}
