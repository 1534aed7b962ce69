import Foundation

/// The Consul agent of one copy of the shop: in memory, on this machine alone.
enum ConsulAgent {
  /// The agent as the supervisor starts it; nil when the machine has no Consul, or
  /// `DISCOVERY=static` asks for none.
  static func program(
    ports: Ports, nodeName: String, checkout: String, environment: [String: String]
  ) -> Plan.Program? {
    guard environment["DISCOVERY"] != "static", let path = Programs.onPath("consul") else {
      return nil
    }
    // -1 is off: nobody asks this agent by DNS, gRPC or from another data centre.
    var arguments = [
      "agent", "-dev", "-client=127.0.0.1", "-bind=127.0.0.1", "-node=\(nodeName)",
      "-http-port=\(ports["consul"])", "-server-port=\(ports["consul-server"])",
      "-serf-lan-port=\(ports["consul-serf"])", "-dns-port=-1", "-grpc-port=-1",
      "-serf-wan-port=-1",
    ]
    let settings = checkout + "/consul-config"
    if FileManager.default.fileExists(atPath: settings) {
      arguments.append("-config-dir=\(settings)")
    }
    return Plan.Program(
      name: "consul", path: path, arguments: arguments, environment: [:], port: ports["consul"])
  }

  /// A name that no other agent has: the copy's, in the characters Consul takes.
  static func nodeName(_ state: StateDirectory) -> String {
    "shop-" + String(state.name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
  }
}
