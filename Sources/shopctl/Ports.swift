/// Who listens where. Everything binds 127.0.0.1.
struct Ports: Codable, Equatable, Sendable {
  /// Port by name: the instances' ("order", "order-2"), "consul", "consul-server", "consul-serf",
  /// "postgres".
  private(set) var byName: [String: Int]

  static let infrastructure = [
    (name: "consul", standard: 8500, offset: 10),
    (name: "consul-server", standard: 8300, offset: 11),
    (name: "consul-serf", standard: 8301, offset: 12),
    (name: "postgres", standard: 15432, offset: 20),
  ]

  subscript(_ name: String) -> Int { byName[name] ?? 0 }

  /// The instances that have a port, in the order of the services.
  var instances: [ServiceInstance] { Replicas.possible.filter { byName[$0.name] != nil } }

  func instances(of service: ServiceEntry) -> [ServiceInstance] {
    instances.filter { $0.service.short == service.short }
  }

  /// What `word` names: "order" all instances of a service, "order-2" that one alone.
  /// - Throws: `Trouble` that lists the names there are.
  func instances(called word: String) throws -> [ServiceInstance] {
    if let service = ServiceEntry.find(word) { return instances(of: service) }
    let found = instances.filter { $0.isCalled(word) }
    guard found.isEmpty else { return found }
    throw Trouble(
      "there is no service \"\(word)\".",
      next: ["The services are: " + instances.map(\.name).joined(separator: ", ")])
  }

  /// - Parameters:
  ///   - from: with N, the services are at N+1 to N+5, Consul at N+10, PostgreSQL at N+20, second
  ///     instances at N+51 to N+55, third ones at N+61.
  ///   - overrides: "order=9082" each, from `--port`; further instances move with the first.
  /// - Throws: `Trouble` that lists every fault at once.
  init(from: Int?, overrides: [String] = [], replicas: Replicas = Replicas()) throws {
    let names = replicas.instances.map(\.name) + Self.infrastructure.map(\.name)
    byName = [:]
    for (index, service) in ServiceEntry.all.enumerated() {
      byName[service.short] = from.map { $0 + index + 1 } ?? service.port
    }
    for part in Self.infrastructure {
      byName[part.name] = from.map { $0 + part.offset } ?? part.standard
    }
    var faults: [String] = []
    if let from, !(1024...65000).contains(from) {
      faults.append("--ports-from \(from): expected a number from 1024 to 65000")
    }
    for text in overrides {
      let halves = text.split(separator: "=", maxSplits: 1).map(String.init)
      guard halves.count == 2, let name = Self.canonical(halves[0], replicas) else {
        faults.append(
          "--port \(text): expected NAME=PORT with one of \(names.joined(separator: ", "))")
        continue
      }
      guard let port = Int(halves[1]), (1...65535).contains(port) else {
        faults.append("--port \(text): expected a port from 1 to 65535 after \"\(name)=\"")
        continue
      }
      byName[name] = port
    }
    for instance in replicas.instances where byName[instance.name] == nil {
      byName[instance.name] = self[instance.service.short] + instance.portOffset
    }
    if faults.isEmpty { faults = conflicts(among: names) }
    guard faults.isEmpty else { throw Trouble(settings: faults) }
  }

  private func conflicts(among names: [String]) -> [String] {
    let shared = Dictionary(grouping: names, by: { self[$0] }).filter { $1.count > 1 }
      .map { "port \($0) is asked for by \($1.joined(separator: " and "))" }.sorted()
    let tooHigh = names.filter { self[$0] > 65535 }
      .map { "\($0) would be at port \(self[$0]), past 65535: say where, --port \($0)=PORT" }
    return shared + tooHigh
  }

  private static func canonical(_ word: String, _ replicas: Replicas) -> String? {
    if infrastructure.contains(where: { $0.name == word }) { return word }
    return ServiceEntry.find(word)?.short ?? replicas.instances.first { $0.isCalled(word) }?.name
  }
}
