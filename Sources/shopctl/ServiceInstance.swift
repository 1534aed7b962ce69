/// One process of a service. The first has the service's own name and port, further ones a number:
/// "order", "order-2".
struct ServiceInstance: Sendable {
  let service: ServiceEntry
  /// From 1.
  let number: Int

  var name: String { number == 1 ? service.short : "\(service.short)-\(number)" }

  /// Its distance from the first one's port: 50 for the second, 10 more for each after it, which is
  /// past all that a copy has otherwise.
  var portOffset: Int { number == 1 ? 0 : 30 + 10 * number }

  /// Whether `word` names this one alone: "order-2", or "order-service-2".
  func isCalled(_ word: String) -> Bool {
    word == "\(service.short)-\(number)" || word == "\(service.name)-\(number)"
  }
}

/// How many instances of each service run, from `--replicas product=2,order=2`; one unless told.
struct Replicas: Sendable {
  /// Of one service, so that all of a copy fit into the hundred ports after `--ports-from`.
  static let instancesMax = 5

  /// By short name.
  private var counts: [String: Int] = [:]

  /// One of each.
  init() {}

  /// - Parameter text: "product=2,order-service=2": names short or in full, each once, with a number
  ///   from 1 to `instancesMax`.
  /// - Throws: `Trouble` that lists every fault at once.
  init(_ text: String) throws {
    var faults: [String] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let halves = part.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
      guard halves.count == 2, let service = ServiceEntry.find(halves[0]) else {
        let names = ServiceEntry.all.map(\.short).joined(separator: ", ")
        faults.append("--replicas \(part): expected NAME=COUNT with one of \(names)")
        continue
      }
      guard let count = Int(halves[1]), (1...Self.instancesMax).contains(count) else {
        faults.append(
          "--replicas \(part): expected 1 to \(Self.instancesMax) after \"\(halves[0])=\"")
        continue
      }
      if counts.updateValue(count, forKey: service.short) != nil {
        faults.append("--replicas \(part): \(service.short) is named twice")
      }
    }
    guard faults.isEmpty else { throw Trouble(settings: faults) }
  }

  /// In the order of the services.
  var instances: [ServiceInstance] {
    ServiceEntry.all.flatMap { service in
      (1...(counts[service.short] ?? 1)).map { ServiceInstance(service: service, number: $0) }
    }
  }

  /// All that there can be.
  static let possible = ServiceEntry.all.flatMap { service in
    (1...instancesMax).map { ServiceInstance(service: service, number: $0) }
  }
}
