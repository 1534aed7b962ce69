import Foundation

/// What each service is told, added to the environment that the tool itself was started with: so
/// `LOG_LEVEL=debug ./shop up` reaches them all.
struct ServiceEnvironment: Sendable {
  let ports: Ports
  let database: DatabaseURL
  let passwords: DatabasePasswords
  let keys: Keys
  let usesConsul: Bool

  /// Blocks of each size that a thread keeps for itself: glibc's 7 are less than the texts of one page of a list,
  /// and beyond them `malloc` costs several times as much. No program can set this for itself. (glibc's manual,
  /// section Memory Allocation Tunables.)
  private static let allocatorTunables = "glibc.malloc.tcache_count=127"

  /// For `serve`.
  func serving(_ instance: ServiceInstance) -> [String: String] {
    var values = common(instance)
    values["DATABASE_URL"] = url(instance.service.applicationRole)
    return values
  }

  /// For `migrate` and `seed`, which alone may know the owner's password.
  func administering(_ service: ServiceEntry) -> [String: String] {
    var values = serving(ServiceInstance(service: service, number: 1))
    values["MIGRATION_DATABASE_URL"] = url(service.ownerRole)
    return values
  }

  private func common(_ instance: ServiceInstance) -> [String: String] {
    let service = instance.service
    var values: [String: String] = [:]
    values["GLIBC_TUNABLES"] =
      ProcessInfo.processInfo.environment["GLIBC_TUNABLES"] ?? Self.allocatorTunables
    values["HTTP_HOST"] = "127.0.0.1"
    values["ADVERTISE_HOST"] = "127.0.0.1"
    values["HTTP_PORT"] = String(ports[instance.name])
    values["KEYS_DIRECTORY"] = keys.folder(of: service)
    values["STATIC_PEERS"] = ports.instances
      .map { "\($0.service.name)=127.0.0.1:\(ports[$0.name])" }.joined(separator: ",")
    values["DISCOVERY"] = usesConsul ? "consul" : "static"
    values["CONSUL_HTTP_ADDR"] = "127.0.0.1:\(ports["consul"])"
    if service.short == "payment" { values["SIM_DATABASE_URL"] = url(Roles.simulator) }
    return values
  }

  private func url(_ role: String) -> String {
    database.with(user: role, password: passwords[role]).text
  }
}
