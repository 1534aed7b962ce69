import Postgres
import ServiceKit
import SharedKernel

/// What customers switched off, in PostgreSQL.
struct PreferenceRepository: PreferenceStore {
  let runner: any SQLRunner

  func preferences(of user: UserID) async throws -> Preferences {
    Preferences(
      off: Set(
        try await runner.query(
          "SELECT type, channel FROM preferences WHERE user_id = \(user) AND NOT enabled"
        ) { row -> Preferences.Switch? in
          let type: String = try row.next()
          // One for a channel that only another version knows is left alone.
          return Notification.Channel(rawValue: try row.next()).map {
            Preferences.Switch(type: type, channel: $0)
          }
        }.compactMap(\.self)))
  }

  func save(_ preferences: Preferences, of user: UserID) async throws {
    let off = Array(preferences.off)
    try await runner.send("DELETE FROM preferences WHERE user_id = \(user)")
    try await runner.send(
      """
      INSERT INTO preferences (user_id, type, channel, enabled)
      SELECT \(user), type, channel, false
      FROM unnest(\(off.map(\.type)), \(off.map(\.channel.rawValue))) AS switched (type, channel)
      ON CONFLICT DO NOTHING
      """)
  }

  /// When the account is gone.
  func forget(_ user: UserID) async throws {
    try await runner.send("DELETE FROM preferences WHERE user_id = \(user)")
  }
}
