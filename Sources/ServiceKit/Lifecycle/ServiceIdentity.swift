/// What a service is called and where it stands.
package struct ServiceIdentity: Sendable {
  /// The executable's and Consul's name: `order-service`.
  package let name: String
  /// In event sources, token names and commands: `order`.
  package let short: String
  /// Its schema in the database: `orders`.
  package let schema: String
  /// The port it listens on unless told otherwise.
  package let port: UInt16

  package init(name: String, short: String, schema: String, port: UInt16) {
    self.name = name
    self.short = short
    self.schema = schema
    self.port = port
  }

  /// The database role that the running service uses.
  package var appRole: String { "\(short)_app" }
}

/// Which build this is.
package enum Build {
  /// What `--version`, `GET /`, `GET /info` and the registration in Consul say.
  package static let version = "0.1.0"
}
