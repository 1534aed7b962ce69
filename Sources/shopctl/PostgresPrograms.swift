import Foundation

/// PostgreSQL's server programs, which Debian keeps off PATH.
struct PostgresPrograms: Sendable {
  let folder: String
  /// The major version: 15.
  let major: Int

  static let majorMin = 13

  func path(_ program: String) -> String { "\(folder)/\(program)" }

  /// The programs `pg_config` points to, else the newest below /usr/lib/postgresql.
  /// - Throws: `Trouble` with the install line and the way round when there are none.
  static func find() async throws -> PostgresPrograms {
    var folders: [String] = []
    // Without pg_config the standard folders below are all there is to look at.
    if let told = try? await ShortCommand.run("pg_config", ["--bindir"]), told.isSuccess {
      folders.append(told.output.trimmingCharacters(in: .whitespacesAndNewlines))
    }
    let root = "/usr/lib/postgresql"
    let majors = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    for major in majors.compactMap({ Int($0) }).sorted(by: >) {
      folders.append("\(root)/\(major)/bin")
    }
    for folder in folders where FileManager.default.isExecutableFile(atPath: folder + "/initdb") {
      let told = try await ShortCommand.run(folder + "/postgres", ["--version"])
      // "postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)"
      guard let number = told.output.split(separator: " ").first(where: { $0.first!.isNumber }),
        let major = Int(number.prefix { $0.isNumber }), major >= majorMin
      else { continue }
      return PostgresPrograms(folder: folder, major: major)
    }
    throw Trouble(
      "PostgreSQL's programs are missing (initdb, pg_ctl; version \(majorMin) or later).",
      evidence: ["looked in: " + (folders.isEmpty ? root : folders.joined(separator: ", "))],
      next: [
        "Install them: apt-get install --no-install-recommends postgresql-15",
        "Or use a PostgreSQL elsewhere:"
          + " DATABASE_URL=postgres://USER:PASSWORD@HOST/ecommerce_db ./shop up",
      ])
  }
}
