import Foundation

/// A PostgreSQL address in the form libpq reads: postgres://user:password@host:port/database, with
/// parameters behind it (`?sslmode=verify-full`).
struct DatabaseURL: Equatable, Sendable {
  var user: String
  var password: String
  var host: String
  var port: Int
  var database: String
  /// How the server is connected to, percent-encoded as it was given; it holds for every role.
  var parameters: String

  static let standardDatabase = "ecommerce_db"

  /// What says who connects and where to: each service connects as another, so these have their
  /// places in the address and no other.
  private static let placedElsewhere: Set<String> = [
    "user", "password", "host", "hostaddr", "port", "dbname", "service",
  ]

  init(
    user: String, password: String, host: String, port: Int, database: String,
    parameters: String = ""
  ) {
    self.user = user
    self.password = password
    self.host = host
    self.port = port
    self.database = database
    self.parameters = parameters
  }

  /// - Throws: `Trouble` unless `text` names a user and a host, and for parameters that cannot be
  ///   kept; the text itself is not repeated, since it holds a password.
  init(_ text: String, setting: String) throws {
    guard let parts = URLComponents(string: text),
      ["postgres", "postgresql"].contains(parts.scheme ?? ""),
      let user = parts.user, !user.isEmpty, let host = parts.host, !host.isEmpty
    else {
      throw Trouble(
        "a bad setting.",
        evidence: ["\(setting): expected postgres://USER:PASSWORD@HOST:PORT/DATABASE"])
    }
    let misplaced = (parts.queryItems ?? []).map(\.name).first(where: Self.placedElsewhere.contains)
    guard misplaced == nil, parts.fragment == nil else {
      let found = misplaced.map { "parameter \($0)" } ?? "fragment (#)"
      throw Trouble(
        "a bad setting.",
        evidence: [
          "\(setting): expected no \(found) behind postgres://USER:PASSWORD@HOST:PORT/DATABASE"
        ])
    }
    let name = parts.path.drop { $0 == "/" }
    self.init(
      user: user, password: parts.password ?? "", host: host, port: parts.port ?? 5432,
      database: name.isEmpty ? Self.standardDatabase : String(name),
      parameters: parts.percentEncodedQuery ?? "")
  }

  var text: String {
    "postgres://\(Self.encode(user)):\(Self.encode(password))@\(host):\(port)/\(Self.encode(database))"
      + (parameters.isEmpty ? "" : "?\(parameters)")
  }

  /// The same without the password and the parameters, for people.
  var safeText: String { "postgres://\(user)@\(host):\(port)/\(database)" }

  func with(user: String, password: String) -> DatabaseURL {
    DatabaseURL(
      user: user, password: password, host: host, port: port, database: database,
      parameters: parameters)
  }

  private static func encode(_ part: String) -> String {
    let plain = CharacterSet(
      charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
    return part.addingPercentEncoding(withAllowedCharacters: plain) ?? part
  }
}
