import Foundation

/// A PostgreSQL address in the form libpq reads: postgres://user:password@host:port/database.
struct DatabaseURL: Equatable, Sendable {
  var user: String
  var password: String
  var host: String
  var port: Int
  var database: String

  static let standardDatabase = "ecommerce_db"

  init(user: String, password: String, host: String, port: Int, database: String) {
    self.user = user
    self.password = password
    self.host = host
    self.port = port
    self.database = database
  }

  /// - Throws: `Trouble` unless `text` names a user and a host; the text itself is not repeated,
  ///   since it holds a password.
  init(_ text: String, setting: String) throws {
    guard let parts = URLComponents(string: text),
      ["postgres", "postgresql"].contains(parts.scheme ?? ""),
      let user = parts.user, !user.isEmpty, let host = parts.host, !host.isEmpty
    else {
      throw Trouble(
        "a bad setting.",
        evidence: ["\(setting): expected postgres://USER:PASSWORD@HOST:PORT/DATABASE"])
    }
    let name = parts.path.drop { $0 == "/" }
    self.init(
      user: user, password: parts.password ?? "", host: host, port: parts.port ?? 5432,
      database: name.isEmpty ? Self.standardDatabase : String(name))
  }

  var text: String {
    "postgres://\(Self.encode(user)):\(Self.encode(password))@\(host):\(port)/\(Self.encode(database))"
  }

  /// The same without the password, for people.
  var safeText: String { "postgres://\(user)@\(host):\(port)/\(database)" }

  func with(user: String, password: String) -> DatabaseURL {
    DatabaseURL(user: user, password: password, host: host, port: port, database: database)
  }

  private static func encode(_ part: String) -> String {
    let plain = CharacterSet(
      charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
    return part.addingPercentEncoding(withAllowedCharacters: plain) ?? part
  }
}
