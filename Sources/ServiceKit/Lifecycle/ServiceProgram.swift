package import ArgumentParser
import EventLoops
import HTTPClient
import HTTPMessages
import Postgres

/// The program of one service: `serve` (unless told otherwise), `migrate`, `seed`, `routes`, `health`.
package struct ServiceProgram<Service: ShopService>: AsyncParsableCommand {
  package static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: Service.identity.name,
      abstract: "The shop's \(Service.identity.short) service.",
      discussion: """
        Settings come from the environment; see docs/settings.md.

        EXAMPLES
          DISCOVERY=static \(Service.identity.name)
          \(Service.identity.name) routes
        """,
      version: Build.version,
      subcommands: [
        Serve<Service>.self, Migrate<Service>.self, Seed<Service>.self, PrintRoutes<Service>.self,
        Health<Service>.self,
      ],
      defaultSubcommand: Serve<Service>.self)
  }

  package init() {}
}

struct Serve<Service: ShopService>: AsyncParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(commandName: "serve", abstract: "Answers requests until told to stop.")
  }

  func run() async throws {
    let settings = try Settings(for: .serve, portDefault: Service.identity.port)
    try await ServiceRunner<Service>(settings: settings).run()
  }
}

struct Migrate<Service: ShopService>: AsyncParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "migrate",
      abstract: "Brings the schema up to date, as its owner (MIGRATION_DATABASE_URL).")
  }

  func run() async throws {
    let settings = try Settings(for: .migrate, portDefault: Service.identity.port)
    var applied = try await Migrator.run(
      Service.allMigrations, schema: Service.identity.schema, on: settings.migrationDatabaseURL)
    applied += try await Service.migrateFurther(settings)
    print("\(Service.identity.schema): \(applied.count) applied, nothing pending")
    for name in applied { print("  \(name)") }
  }
}

struct Seed<Service: ShopService>: AsyncParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "seed",
      abstract: "Adds development data; refused when ENVIRONMENT is production.")
  }

  @Flag(help: "Remove what is there first.")
  var reset = false

  func run() async throws {
    let settings = try Settings(for: .seed, portDefault: Service.identity.port)
    let group = EventLoopGroup(count: 1)
    var configuration = try DatabaseConfiguration(url: settings.migrationDatabaseURL)
    configuration.applicationName = "\(Service.identity.name) seed"
    let database = Database(configuration, group: group)
    if reset {
      try await emptySchema(Service.identity.schema, keeping: Service.tablesKept, in: database)
    }
    try await Service.seed(database)
    await database.close()
    print("\(Service.identity.schema): seeded")
  }
}

struct PrintRoutes<Service: ShopService>: AsyncParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "routes", abstract: "Prints method, path and who may call it.")
  }

  func run() async throws {
    let entries = try await ServiceRunner<Service>.inspect().routes.entries
    let width = entries.map { $0.pattern.count }.max() ?? 0
    for entry in entries.sorted(by: { $0.pattern < $1.pattern }) {
      let method = entry.method.rawValue.padding(to: 8)
      print("\(method)\(entry.pattern.padding(to: width + 2))\(entry.access)")
    }
  }
}

struct Health<Service: ShopService>: AsyncParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: "health",
      abstract: "Asks the running service whether it is ready; exit status 0 if so, else 1.")
  }

  func run() async throws {
    let settings = try Settings(for: .inspect, portDefault: Service.identity.port)
    let group = EventLoopGroup(count: 1)
    var request = HTTPRequest(.get, "/health/ready")
    let host =
      switch settings.host {
      case "0.0.0.0": "127.0.0.1"
      case "::": "[::1]"
      case let address where address.contains(":"): "[\(address)]"
      case let address: address
      }
    request.authority = "\(host):\(settings.port)"
    request.timeout = .seconds(3)
    do {
      let response = try await CurlClient(group: group).handle(request)
      print(String(decoding: response.body, as: UTF8.self))
      if response.status != .ok { throw ExitCode.failure }
    } catch let error as HTTPClientError {
      print("no answer from \(host):\(settings.port): \(error)")
      throw ExitCode.failure
    }
  }
}

extension String {
  fileprivate func padding(to width: Int) -> String {
    self + String(repeating: " ", count: Swift.max(1, width - count))
  }
}
