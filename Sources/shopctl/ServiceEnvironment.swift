import Foundation

/// What each service is told, added to the environment that the tool itself was started with: so
/// `LOG_LEVEL=debug ./shop up` reaches all five.
struct ServiceEnvironment: Sendable {
  let ports: Ports
  let database: DatabaseURL
  let passwords: DatabasePasswords
  let keys: Keys
  let usesConsul: Bool

  /// For `serve`.
  func serving(_ service: ServiceEntry) -> [String: String] {
    var values = common(service)
    values["DATABASE_URL"] = url(service.applicationRole)
    return values
  }

  /// For `migrate` and `seed`, which alone may know the owner's password.
  func administering(_ service: ServiceEntry) -> [String: String] {
    var values = serving(service)
    values["MIGRATION_DATABASE_URL"] = url(service.ownerRole)
    return values
  }

  private func common(_ service: ServiceEntry) -> [String: String] {
    var values: [String: String] = [:]
    values["HTTP_HOST"] = "127.0.0.1"
    values["ADVERTISE_HOST"] = "127.0.0.1"
    values["HTTP_PORT"] = String(ports[service.short])
    values["KEYS_DIRECTORY"] = keys.folder(of: service)
    values["STATIC_PEERS"] = ServiceEntry.all
      .map { "\($0.name)=127.0.0.1:\(ports[$0.short])" }.joined(separator: ",")
    values["DISCOVERY"] = usesConsul ? "consul" : "static"
    values["CONSUL_HTTP_ADDR"] = "127.0.0.1:\(ports["consul"])"
    if service.short == "payment" { values["SIM_DATABASE_URL"] = url(Roles.simulator) }
    return values
  }

  private func url(_ role: String) -> String {
    database.with(user: role, password: passwords[role]).text
  }
}
