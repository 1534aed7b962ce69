import ArgumentParser
import Foundation

private let environmentNote = """
  Without more it is about the copy on this machine. With KEYS_DIRECTORY and DATABASE_URL (an \
  administrator's) in the environment it is about what these name, as in a container.
  """

struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Makes the services' keys, those that are missing.",
    discussion: environmentNote)

  @OptionGroup var copy: CopyOptions

  func run() async throws {
    let folder = ProcessInfo.processInfo.environment["KEYS_DIRECTORY"]
    if folder == nil { try copy.state.create() }
    let keys = Keys(folder: folder ?? copy.state.keysPath)
    let made = try keys.create()
    print(made == 0 ? "All keys are there: \(keys.folder)" : "\(made) files made: \(keys.folder)")
  }
}

struct RolesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "roles", abstract: "Makes the database, its roles and schemas; nothing twice.",
    discussion: environmentNote)

  @OptionGroup var copy: CopyOptions

  func run() async throws {
    let site = try Site.current(copy)
    try await Roles(admin: site.admin, passwords: try site.passwords()).create()
    print("Roles and schemas are as they should be: \(site.database.safeText)")
  }
}

struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate", abstract: "Brings the five schemas up to date.",
    discussion: environmentNote)

  @OptionGroup var copy: CopyOptions
  @OptionGroup var program: ProgramOptions

  func run() async throws {
    let environment = try Site.current(copy).environment()
    try await ServiceCommands(programs: program.programs, environment: environment).migrate()
    print("All schemas are up to date.")
  }
}

struct SeedCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "seed", abstract: "Adds the example products and users.",
    discussion: environmentNote + """


      Examples:
        ./shop seed
        ./shop seed --reset
      """)

  @OptionGroup var copy: CopyOptions
  @OptionGroup var program: ProgramOptions

  @Flag(help: "Empty the tables first: everything that was ordered is gone.")
  var reset = false

  func run() async throws {
    let environment = try Site.current(copy).environment()
    try await ServiceCommands(programs: program.programs, environment: environment)
      .seed(reset: reset)
    print("The example products and users are there.")
  }
}

struct SetupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "setup",
    abstract: "Keys, roles, migrations and example data, all from the environment.",
    discussion: """
      For containers: run once before the services, again after an update.

        DATABASE_URL     an administrator's address of the database
        KEYS_DIRECTORY   gets a folder for each service: its keys, a password file
        ENVIRONMENT      production: no example data

      A service then needs no password in its settings:
        DATABASE_URL=postgres://order_app@HOST/ecommerce_db?passfile=FOLDER/pgpass
        KEYS_DIRECTORY=FOLDER, which is order-service below setup's
      """)

  @OptionGroup var program: ProgramOptions

  func run() async throws {
    let environment = ProcessInfo.processInfo.environment
    let site = try Site.fromEnvironment(environment)
    let progress = Progress()
    try await progress.step("keys") {
      try site.keys.create()
      try site.writePasswordFiles()
    }
    try await progress.step("roles and schemas") {
      try await Roles(admin: site.admin, passwords: try site.passwords()).create()
    }
    let commands = ServiceCommands(
      programs: program.programs, environment: try site.environment())
    try await progress.step("migrations") { try await commands.migrate() }
    guard environment["ENVIRONMENT"] != "production" else { return }
    try await progress.step("example products and users") { try await commands.seed(reset: false) }
  }
}

struct Supervise: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Keeps the services of a started copy running.", shouldDisplay: false)

  @Argument(help: "The copy's state directory.")
  var path: String

  func run() async throws {
    let state = StateDirectory(existing: path)
    guard let plan = Plan.read(state) else {
      throw Trouble("there is no plan to follow.", evidence: [state.planPath])
    }
    try await Supervisor(state: state, plan: plan).run()
  }
}
