/// Who listens where. Everything binds 127.0.0.1.
struct Ports: Codable, Equatable, Sendable {
  /// Port by name: the services' short names, "consul", "consul-server", "consul-serf", "postgres".
  private(set) var byName: [String: Int]

  static let infrastructure = [
    (name: "consul", standard: 8500, offset: 10),
    (name: "consul-server", standard: 8300, offset: 11),
    (name: "consul-serf", standard: 8301, offset: 12),
    (name: "postgres", standard: 15432, offset: 20),
  ]

  static var names: [String] { ServiceEntry.all.map(\.short) + infrastructure.map(\.name) }

  subscript(_ name: String) -> Int { byName[name] ?? 0 }

  /// - Parameters:
  ///   - from: with N, the services are at N+1 to N+5, Consul at N+10, PostgreSQL at N+20.
  ///   - overrides: "order=9082" each, from `--port`.
  /// - Throws: `Trouble` that lists every fault at once.
  init(from: Int?, overrides: [String] = []) throws {
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
      guard halves.count == 2, let name = Self.canonical(halves[0]) else {
        faults.append(
          "--port \(text): expected NAME=PORT with one of \(Self.names.joined(separator: ", "))")
        continue
      }
      guard let port = Int(halves[1]), (1...65535).contains(port) else {
        faults.append("--port \(text): expected a port from 1 to 65535 after \"\(name)=\"")
        continue
      }
      byName[name] = port
    }
    for (port, sharers) in Dictionary(grouping: Self.names, by: { byName[$0] ?? 0 })
    where sharers.count > 1 && faults.isEmpty {
      faults.append("port \(port) is asked for by \(sharers.joined(separator: " and "))")
    }
    guard faults.isEmpty else {
      throw Trouble(
        faults.count == 1 ? "a bad setting." : "\(faults.count) bad settings.", evidence: faults)
    }
  }

  private static func canonical(_ word: String) -> String? {
    if names.contains(word) { return word }
    return ServiceEntry.all.first { $0.name == word }?.short
  }
}
