import Foundation
import Subprocess

/// A program that is run to its end, with its output collected.
enum ShortCommand {
  struct Outcome: Sendable {
    let isSuccess: Bool
    /// "status 1" or "signal 9".
    let ending: String
    /// Standard output and standard error, in the order written; at most 1 MiB.
    let output: String

    /// The last lines that are not blank.
    func lastLines(_ count: Int) -> [String] {
      Array(output.split(whereSeparator: \.isNewline).map(String.init).suffix(count))
    }
  }

  /// - Parameters:
  ///   - user: run it as this user, which only root can do.
  ///   - input: written to its standard input.
  /// - Throws: `Trouble` when it cannot be started.
  static func run(
    _ program: String, _ arguments: [String], as user: String? = nil,
    environment: [String: String] = [:], input: String = ""
  ) async throws -> Outcome {
    // `runuser` as set-up on Debian has it; from / since the user may not enter the folder we are in.
    let words =
      user.map { ["runuser", "-u", $0, "--", program] + arguments } ?? [program] + arguments
    do {
      let result = try await Subprocess.run(
        words[0].hasPrefix("/") ? .path(.init(words[0])) : .name(words[0]),
        arguments: Arguments(Array(words.dropFirst())),
        environment: inheriting(environment),
        workingDirectory: "/",
        input: .string(input),
        output: .string(limit: 1 << 20),
        error: .combinedWithOutput)
      return Outcome(
        isSuccess: result.terminationStatus.isSuccess,
        ending: describe(result.terminationStatus),
        output: result.standardOutput)
    } catch let error as SubprocessError {
      throw Trouble("\(program) could not be run.", evidence: [error.description])
    }
  }

  /// The tool's own environment with `values` on top.
  static func inheriting(_ values: [String: String]) -> Environment {
    var updates: [Environment.Key: String?] = [:]
    for (name, value) in values {
      if let key = Environment.Key(rawValue: name) { updates[key] = value }
    }
    return .inherit.updating(updates)
  }

  static func describe(_ status: TerminationStatus) -> String {
    switch status {
    case .exited(let code): "status \(code)"
    case .signaled(let signal): "signal \(signal)"
    }
  }
}
