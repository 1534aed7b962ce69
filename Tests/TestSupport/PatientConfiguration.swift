package import Postgres

/// How tests reach their database: as the services do, but with patience, since a busy machine is no
/// failure. What a test says of a time limit it sets itself.
package func patientConfiguration(url: String) throws -> DatabaseConfiguration {
  var configuration = try DatabaseConfiguration(url: url)
  configuration.connectTimeout = .seconds(30)
  configuration.statementTimeout = .seconds(30)
  configuration.stopGrace = .seconds(30)
  configuration.leaseWaitMax = .seconds(30)
  return configuration
}
