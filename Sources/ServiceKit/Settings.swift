import Foundation
package import Logging

/// Everything a service is told at its start, read once from its environment.
///
/// What only one service needs is read with the typed calls at the end (`text`, `integer`, ..) or,
/// so that its faults join the list of all others, in `init`'s `also`.
package struct Settings: Sendable {
  /// What the program runs for. Production refuses what is a hole there, and limits rates.
  package enum Environment: String, CaseIterable, Sendable { case development, production }
  /// Where peers are looked up: in Consul, or in STATIC_PEERS alone.
  package enum Discovery: String, CaseIterable, Sendable { case consul, `static` }

  /// What the program was started to do; it decides which keys must be there.
  package enum Purpose: Sendable { case serve, migrate, seed, inspect }

  /// Where a peer without discovery is found.
  package struct Peer: Hashable, Sendable {
    /// What stands before the last colon; an IPv6 address without its brackets.
    package let host: String
    /// Never 0 in what STATIC_PEERS tells.
    package let port: UInt16

    package init(host: String, port: UInt16) {
      self.host = host
      self.port = port
    }
  }

  /// As `init` was told.
  package let purpose: Purpose
  /// ENVIRONMENT; development unless it says otherwise.
  package let environment: Environment
  /// HTTP_HOST: the address to listen on.
  package let host: String
  /// HTTP_PORT; 0 asks for any free one.
  package let port: UInt16
  /// ADVERTISE_HOST: the address for others; nil when the service listens on all addresses and
  /// nothing else was said.
  package let advertisedHost: String?
  /// EVENT_LOOPS; 0 is one per core.
  package let eventLoops: Int
  /// SHUTDOWN_GRACE: what running requests get at the end, of the 20 s after which a shutdown
  /// cancels what is left.
  package let shutdownGrace: Duration

  /// DB_PREPARED: off behind a proxy that pools transactions.
  package let usesPreparedStatements: Bool
  /// DB_REPORT_TIMEOUT: how long a slow read may take, such as the trial balance.
  package let reportTimeout: Duration
  /// DISCOVERY; Consul unless it says otherwise.
  package let discovery: Discovery
  /// STATIC_PEERS, by service name; one name may have several.
  package let staticPeers: [String: [Peer]]
  /// SERVICE_WEIGHT: this instance's share of the traffic, relative to its peers'.
  package let serviceWeight: Int
  /// CONSUL_HTTP_ADDR and its kin, for `ConsulConfiguration`.
  package let consulEnvironment: [String: String]

  /// LOG_LEVEL; while the service runs, `RunTimeLogLevel` may have another.
  package let logLevel: Logger.Level
  /// METRICS_TOKEN: what `GET /metrics` asks for; always there in production.
  package let metricsToken: String?
  /// FAULTS_ENABLED: never true in production.
  package let faultsEnabled: Bool

  /// RATE_LIMIT_PER_S for each client, and twice as many at once; 0 is off.
  package let rateLimitPerSecond: Int
  /// TRUSTED_PROXIES: whose X-Forwarded-For counts.
  package let trustedProxies: TrustedProxies

  private let variables: [String: String]
  private let secretKeys: Set<String>

  private static let ownSecretKeys: Set<String> = [
    "DATABASE_URL", "MIGRATION_DATABASE_URL", "SIM_DATABASE_URL", "METRICS_TOKEN", "SMTP_URL",
    "CONSUL_HTTP_TOKEN", "CONSUL_HTTP_AUTH", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET",
  ]

  /// - Parameters:
  ///   - environment: the process's variables.
  ///   - purpose: what the program was started to do.
  ///   - portDefault: the port of api.md section 1.1.
  ///   - secretKeys: further keys whose values no fault may show.
  ///   - also: reads a service's own settings; its faults join the same list.
  /// - Throws: `SettingsFailure` with every fault.
  package init(
    environment variables: [String: String] = ProcessInfo.processInfo.environment,
    for purpose: Purpose = .serve, portDefault: UInt16, secretKeys: Set<String> = [],
    also: (inout SettingsReader) -> Void = { _ in }
  ) throws(SettingsFailure) {
    let allSecretKeys = Self.ownSecretKeys.union(secretKeys)
    var reader = SettingsReader(environment: variables, secretKeys: allSecretKeys)
    self.variables = variables
    self.secretKeys = allSecretKeys

    self.purpose = purpose
    environment = reader.choice("ENVIRONMENT", default: .development)
    host = reader.text("HTTP_HOST") ?? "127.0.0.1"
    port = UInt16(reader.integer("HTTP_PORT", default: Int(portDefault), in: 0...65_535))
    advertisedHost =
      reader.parsed("ADVERTISE_HOST", expected: "a host or an address", parse: unbracketed)
      ?? (host == "0.0.0.0" || host == "::" ? nil : host)
    eventLoops = reader.integer("EVENT_LOOPS", default: 0, in: 0...256)
    shutdownGrace = reader.duration(
      "SHUTDOWN_GRACE", default: .seconds(15), in: .zero ... .seconds(15))

    usesPreparedStatements = reader.flag("DB_PREPARED", default: true)
    reportTimeout = reader.duration(
      "DB_REPORT_TIMEOUT", default: .seconds(30), in: .seconds(1) ... .seconds(600))
    discovery = reader.choice("DISCOVERY", default: .consul)
    staticPeers =
      reader.parsed(
        "STATIC_PEERS", expected: "name=host:port, separated by commas", parse: peers(of:)) ?? [:]
    serviceWeight = reader.integer("SERVICE_WEIGHT", default: 1, in: 1...65_535)
    consulEnvironment = variables.filter { $0.key.hasPrefix("CONSUL_") && !$0.value.isEmpty }

    logLevel = reader.choice("LOG_LEVEL", default: .info)
    metricsToken = reader.text("METRICS_TOKEN")
    faultsEnabled = reader.flag("FAULTS_ENABLED", default: false)

    rateLimitPerSecond = reader.integer(
      "RATE_LIMIT_PER_S", default: environment == .production ? 50 : 0, in: 0...1_000_000)
    trustedProxies =
      reader.parsed(
        "TRUSTED_PROXIES", expected: "addresses or networks (10.0.0.0/8), separated by commas",
        parse: TrustedProxies.init) ?? TrustedProxies()

    requireKeys(of: purpose, &reader)
    if environment == .production {
      refuseDevelopmentOnly(purpose, &reader, hasMetricsToken: metricsToken != nil, faultsEnabled)
    }
    also(&reader)
    try reader.finish()
  }

  // MARK: Settings that only some programs have

  /// DATABASE_URL, of the role that serves. There when the purpose is `serve`.
  package var databaseURL: String { get throws(SettingsFailure) { try required("DATABASE_URL") } }

  /// MIGRATION_DATABASE_URL, of the role that owns the schema. There when the purpose is `migrate`
  /// or `seed`.
  package var migrationDatabaseURL: String {
    get throws(SettingsFailure) { try required("MIGRATION_DATABASE_URL") }
  }

  /// KEYS_DIRECTORY (see `KeyFiles`). There when the purpose is `serve`.
  package var keysDirectory: String {
    get throws(SettingsFailure) { try required("KEYS_DIRECTORY") }
  }

  /// The text of any other key; nil when it is absent or empty.
  package func text(_ key: String) -> String? {
    variables[key].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The text of a key that must be there.
  package func required(_ key: String) throws(SettingsFailure) -> String {
    try reading { $0.requiredText(key) }
  }

  /// Reads further settings together: `try settings.reading { .init(limit: $0.integer("LIMIT", ..)) }`.
  ///
  /// - Throws: `SettingsFailure` with every fault of these.
  package func reading<Value>(
    _ body: (inout SettingsReader) -> Value
  ) throws(SettingsFailure) -> Value {
    var reader = SettingsReader(environment: variables, secretKeys: secretKeys)
    let value = body(&reader)
    try reader.finish()
    return value
  }
}

private func requireKeys(of purpose: Settings.Purpose, _ reader: inout SettingsReader) {
  switch purpose {
  case .serve:
    requireDatabaseURL("DATABASE_URL", &reader)
    _ = reader.requiredText("KEYS_DIRECTORY", expected: "the directory that `shopctl keys` made")
  case .migrate, .seed:
    requireDatabaseURL("MIGRATION_DATABASE_URL", &reader)
  case .inspect:
    break
  }
}

private func requireDatabaseURL(_ key: String, _ reader: inout SettingsReader) {
  let expected = "postgresql://role:password@host:port/database"
  guard let url = reader.text(key) else { return reader.note(key, expected: expected) }
  if !url.hasPrefix("postgresql://") && !url.hasPrefix("postgres://") {
    reader.note(key, expected: expected)
  }
}

/// What is fine on a developer's machine and a hole in production.
private func refuseDevelopmentOnly(
  _ purpose: Settings.Purpose, _ reader: inout SettingsReader, hasMetricsToken: Bool,
  _ faultsEnabled: Bool
) {
  if purpose == .serve && !hasMetricsToken {
    reader.note("METRICS_TOKEN", expected: "a token, since ENVIRONMENT is production")
  }
  if faultsEnabled {
    reader.note("FAULTS_ENABLED", expected: "off, since ENVIRONMENT is production")
  }
  if purpose == .seed {
    reader.note(
      "ENVIRONMENT", expected: "development, since the seed's accounts have published passwords")
  }
}

/// A host, an IPv6 address with or without the brackets it has in an authority; nil for none.
private func unbracketed(_ text: some StringProtocol) -> String? {
  let isOpened = text.hasPrefix("[")
  guard isOpened == text.hasSuffix("]") else { return nil }
  let host = isOpened ? String(text.dropFirst().dropLast()) : String(text)
  return host.isEmpty || host.contains("[") || host.contains("]") ? nil : host
}

private func peers(of text: String) -> [String: [Settings.Peer]]? {
  var peers: [String: [Settings.Peer]] = [:]
  for entry in text.split(separator: ",", omittingEmptySubsequences: true) {
    let sides = entry.split(separator: "=", omittingEmptySubsequences: false)
    guard sides.count == 2, !sides[0].isEmpty, let colon = sides[1].lastIndex(of: ":"),
      colon > sides[1].startIndex,
      let port = UInt16(sides[1][sides[1].index(after: colon)...]), port > 0
    else { return nil }
    let name = sides[0].filter { $0 != " " }
    guard let host = unbracketed(sides[1][..<colon]) else { return nil }
    peers[name, default: []].append(Settings.Peer(host: host, port: port))
  }
  return peers
}
