import Foundation

/// The passwords of the database's roles, in one file that only its owner may read.
struct DatabasePasswords: Sendable {
  private var byRole: [String: String]

  subscript(_ role: String) -> String { byRole[role] ?? "" }

  /// Reads the file at `path`, adding a random password for each name that has none.
  static func open(at path: String, roles: [String]) throws -> DatabasePasswords {
    var byRole = PrivateFile.read([String: String].self, from: path) ?? [:]
    let missing = roles.filter { byRole[$0] == nil }
    for role in missing { byRole[role] = Self.random() }
    if !missing.isEmpty { try PrivateFile.write(json: byRole, to: path) }
    return DatabasePasswords(byRole: byRole)
  }

  /// 24 random bytes as base64url.
  private static func random() -> String {
    var generator = SystemRandomNumberGenerator()
    let bytes = (0..<24).map { _ in UInt8.random(in: 0...255, using: &generator) }
    return Data(bytes).base64EncodedString()
      .replacing("+", with: "-").replacing("/", with: "_")
  }
}
