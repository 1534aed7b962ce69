import Foundation

/// Whether what answers on a port is ours, and ready.
///
/// A port that answers proves nothing: a program that could not bind it is gone, and a stranger
/// answers instead.
enum Readiness {
  private struct AgentSelf: Decodable {
    struct Settings: Decodable {
      let nodeName: String
      enum CodingKeys: String, CodingKey { case nodeName = "NodeName" }
    }

    let settings: Settings
    enum CodingKeys: String, CodingKey { case settings = "Config" }
  }

  private struct PassingCheck: Decodable {
    let serviceName: String
    let serviceID: String
    enum CodingKeys: String, CodingKey {
      case serviceName = "ServiceName"
      case serviceID = "ServiceID"
    }
  }

  private struct ServiceInfo: Decodable {
    let instance: String
    let version: String?
  }

  /// What our Consul agent still lacks; nil when it is ours and has a leader.
  static func agent(port: Int, nodeName: String) async -> String? {
    guard let answer = await LoopbackProbe.get("/v1/agent/self", port: port), answer.status == .ok
    else { return "it does not answer" }
    // Anything else than an agent's answer is as strange as another node's.
    guard let agent = try? JSONDecoder().decode(AgentSelf.self, from: Data(answer.body)),
      agent.settings.nodeName == nodeName
    else { return "another agent than ours answers on port \(port)" }
    guard let leader = await LoopbackProbe.get("/v1/status/leader", port: port),
      leader.status == .ok, leader.body.count > 2
    else { return "it has no leader" }
    return nil
  }

  /// The services of which our agent does not yet list every instance as passing: "order-service",
  /// or "1 of 2 of order-service".
  static func unlisted(of ports: Ports) async -> [String] {
    let answer = await LoopbackProbe.get("/v1/health/state/passing", port: ports["consul"])
    return unlisted(in: answer.map { Data($0.body) } ?? Data(), of: ports)
  }

  /// - Parameter answer: to `GET /v1/health/state/passing`; of another form it lists none of ours.
  static func unlisted(in answer: Data, of ports: Ports) -> [String] {
    let checks = (try? JSONDecoder().decode([PassingCheck].self, from: answer)) ?? []
    return ServiceEntry.all.compactMap { service in
      let wanted = ports.instances(of: service).count
      let passing = Set(checks.filter { $0.serviceName == service.name }.map(\.serviceID)).count
      if passing >= wanted { return nil }
      return passing == 0 ? service.name : "\(wanted - passing) of \(wanted) of \(service.name)"
    }
  }

  /// What a service still lacks; nil when the process that was started for `record` answers under
  /// the instance it was given, and is ready.
  static func service(_ record: ProcessRecord) async -> String? {
    guard record.state == .running, let process = record.process, process.isAlive else {
      return record.lastEnd.map { "it ended with \($0)" } ?? "it is not running"
    }
    guard let info = await LoopbackProbe.get("/info", port: record.port) else {
      return "it does not answer on port \(record.port)"
    }
    // A body that is no such document is a stranger's.
    guard info.status == .ok,
      let facts = try? JSONDecoder().decode(ServiceInfo.self, from: Data(info.body)),
      facts.instance == record.instance
    else { return "another program than ours answers on port \(record.port)" }
    guard let ready = await LoopbackProbe.get("/health/ready", port: record.port) else {
      return "it does not answer on port \(record.port)"
    }
    return ready.status == .ok ? nil : "its /health/ready says \(ready.status.code)"
  }
}
