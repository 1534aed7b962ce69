import ArgumentParser
import Foundation

/// Which running copy a command is about: the options that `up` was given, given again.
struct CopyOptions: ParsableArguments {
  @Option(
    name: .customLong("ports-from"),
    help: ArgumentHelp(
      "Shift all ports: services at N+1 to N+5, Consul at N+10, PostgreSQL at N+20.",
      valueName: "N"))
  var portsFrom: Int?

  @Option(
    name: .customLong("data-dir"),
    help: ArgumentHelp(
      "PostgreSQL's folder, in place of the one in the state directory.", valueName: "FOLDER"))
  var dataDirectory: String?

  var state: StateDirectory {
    let environment = ProcessInfo.processInfo.environment
    return StateDirectory(
      checkout: Self.checkout, portsFrom: portsFrom, dataDirectory: dataDirectory,
      environment: environment, isRoot: getuid() == 0)
  }

  /// The same options as words of a command line: " --ports-from 20000".
  var words: String {
    (portsFrom.map { " --ports-from \($0)" } ?? "")
      + (dataDirectory.map { " --data-dir \($0)" } ?? "")
  }

  /// The checkout's folder, from the script; where the tool was started otherwise.
  static var checkout: String {
    ProcessInfo.processInfo.environment["SHOP_ROOT"] ?? FileManager.default.currentDirectoryPath
  }
}

/// Where the services' executables are: beside this one.
struct ProgramOptions: ParsableArguments {
  @Option(name: .customLong("programs"), help: .hidden)
  var folder: String?

  var programs: Programs {
    Programs(folder: folder ?? (Programs.ownPath as NSString).deletingLastPathComponent)
  }
}

/// The shop's executables.
struct Programs: Sendable {
  let folder: String

  /// The executable that runs now.
  static var ownPath: String {
    // Always there on Linux; the name it was called by is as good where it is not.
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      ?? CommandLine.arguments[0]
  }

  /// - Throws: `Trouble` when the service has not been built.
  func path(_ service: ServiceEntry) throws -> String {
    let path = "\(folder)/\(service.name)"
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw Trouble(
        "\(service.name) has not been built.", evidence: [path],
        next: ["Build it: swift build -c release --product \(service.name)"])
    }
    return path
  }

  /// The first program called `name` on PATH.
  static func onPath(_ name: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return path.split(separator: ":").map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }
}
