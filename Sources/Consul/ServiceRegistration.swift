/// One instance of a service as it is told to Consul.
package struct ServiceRegistration: Sendable, Equatable {
  /// Under which peers look it up: `order-service`.
  package var name: String
  /// As peers and the agent's check reach it.
  package var host: String
  /// On which it listens; also where the agent's check asks.
  package var port: UInt16
  /// `RegistrationVerdict` compares them as a set; none of our services sets any.
  package var tags: [String] = []
  /// What the agent shall have; further keys that it shows are no drift (`RegistrationVerdict`).
  /// `boot` is added by the registration.
  package var meta: [String: String] = [:]
  /// Its only check; registered as passing.
  package var check = HealthCheck()
  /// This instance's share of the traffic, relative to its peers', 1 through 65,535; Consul's
  /// `Weights.Passing`.
  package var weight = 1

  package init(name: String, host: String, port: UInt16) {
    self.name = name
    self.host = host
    self.port = port
  }

  /// The same for every start of this instance: a random one would leave a ghost after `kill -9`,
  /// whose check the restarted process would answer.
  package var id: String { "\(name)-\(host)-\(port)" }
  /// Of the check, made from the service's: by it `RegistrationVerdict` notices a lost check.
  package var checkID: String { "\(id):http" }

  /// The agent's HTTP check: 2xx passes, 429 warns, everything else is critical.
  package struct HealthCheck: Sendable, Equatable {
    /// Asked by GET, without a token.
    package var path = "/health/ready"
    /// From one question to the next.
    package var interval: Duration = .seconds(2)
    /// No answer within this is a failure.
    package var timeout: Duration = .seconds(1)
    /// Consul's `FailuresBeforeCritical`: failures in a row.
    package var failuresBeforeCritical = 2
    /// A service critical for that long is removed by the agent; Consul's least is a minute.
    package var deregisterAfter: Duration = .seconds(120)

    package init() {}
  }
}

/// `PUT /v1/agent/service/register`.
struct RegistrationBody: Encodable {
  struct Check: Encodable {
    let checkID: String
    let name: String
    let http: String
    let method = "GET"
    let interval: String
    let timeout: String
    let status: String
    let successBeforePassing = 0
    let failuresBeforeCritical: Int
    let deregisterCriticalServiceAfter: String
  }

  /// `warning` is Consul's own standard: we never ask for instances that warn.
  struct Weights: Encodable {
    let passing: Int
    let warning = 1
  }

  let id: String
  let name: String
  let address: String
  let port: Int
  let tags: [String]
  let meta: [String: String]
  let weights: Weights
  let checks: [Check]

  init(_ registration: ServiceRegistration, boot: String) {
    id = registration.id
    name = registration.name
    address = registration.host
    port = Int(registration.port)
    tags = registration.tags
    meta = registration.meta.merging(["boot": boot]) { _, boot in boot }
    weights = Weights(passing: registration.weight)
    let check = registration.check
    let host = registration.host.contains(":") ? "[\(registration.host)]" : registration.host
    checks = [
      Check(
        checkID: registration.checkID, name: "ready",
        http: "http://\(host):\(registration.port)\(check.path)",
        interval: ConsulClient.text(check.interval), timeout: ConsulClient.text(check.timeout),
        // Registered only once ready: visible at once instead of after the first interval.
        status: "passing", failuresBeforeCritical: check.failuresBeforeCritical,
        deregisterCriticalServiceAfter: ConsulClient.text(check.deregisterAfter))
    ]
  }
}
