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
    enum CodingKeys: String, CodingKey { case serviceName = "ServiceName" }
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

  /// The services that our agent does not yet list as passing, by name in Consul.
  static func unlisted(port: Int) async -> [String] {
    let names = ServiceEntry.all.map(\.name)
    guard let answer = await LoopbackProbe.get("/v1/health/state/passing", port: port),
      // An answer of another form lists none of ours.
      let checks = try? JSONDecoder().decode([PassingCheck].self, from: Data(answer.body))
    else { return names }
    let passing = Set(checks.map(\.serviceName))
    return names.filter { !passing.contains($0) }
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
