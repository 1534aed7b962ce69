import EventLoops
import Glibc
import Postgres

// A benchmark of the module Postgres, in process: `bench-database --scenario item --seconds 3` against the
// database at DATABASE_URL, whose tables are those of Benchmarks/db/schema.sql. THREADS is the number of
// event loops (default: 1). Prints one line of JSON.

guard let settings = BenchSettings(CommandLine.arguments.dropFirst()) else {
  print(
    """
    usage: bench-database [--scenario NAME] [--seconds N] [--callers N] [--products N]
      [--read-connections N] [--write-connections N]
    environment: DATABASE_URL=postgresql://..  THREADS=N
    scenarios: \(BenchScenario.allCases.map(\.rawValue).joined(separator: " "))
    """)
  exit(64)
}
let group = EventLoopGroup(count: settings.loops)
do {
  var configuration = try DatabaseConfiguration(url: settings.databaseURL)
  // A busy machine is no reason to end the run.
  configuration.leaseWaitMax = .seconds(30)
  configuration.statementTimeout = .seconds(30)
  if let count = settings.readConnections { configuration.readConnectionsPerLoop = count }
  if let count = settings.writeConnections { configuration.transactionConnectionsPerLoop = count }
  let database = Database(configuration, group: group)
  try await database.connect()
  let load = Load(settings, database: database, group: group)
  print(try await load.run().json)
  await database.close()
} catch {
  print("bench-database: \(error)")
  exit(1)
}
