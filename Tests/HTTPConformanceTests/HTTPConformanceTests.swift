import CoreHTTP
import EventLoops
import Testing

@testable import bench_server

/// Every case of every table: see docs/http-conformance.md.
@Suite struct HTTPConformanceTests {
  @Test("the parser alone reads every message as its rule says, in every cut", arguments: Part.all)
  func parser(_ part: Part) async throws {
    let run = ParserRun(router: benchRoutes())
    for rule in part.rules {
      for sample in rule.cases {
        guard case .message(let message, let outcome) = sample.script else { continue }
        do {
          _ = try await run.check(message, outcome)
        } catch {
          Issue.record("\(rule.section), \(rule.text): \(sample.name): \(error)")
        }
      }
    }
  }

  @Test(
    "a server answers every case as its rule says, whole and in pieces",
    arguments: Part.all, ServerUnderTest.allCases)
  func sockets(_ part: Part, _ server: ServerUnderTest) async throws {
    let failures = try await server.run { port in
      try await Self.failures(of: part, SocketRun(port: port)) { $0.limits == nil }
    }
    for failure in failures { Issue.record("\(failure)") }
  }

  @Test("a server of other limits keeps them", arguments: Part.all)
  func limits(_ part: Part) async throws {
    for rule in part.rules {
      for sample in rule.cases {
        guard let change = sample.limits else { continue }
        var limits = HTTPLimits()
        change(&limits)
        let only = Part(
          name: part.name, rules: [Rule(rule.text, rule.section, [sample])])
        let failures = try await ServerUnderTest.withLibrary(limits: limits) { port in
          try await Self.failures(of: only, SocketRun(port: port)) { _ in true }
        }
        for failure in failures { Issue.record("\(failure)") }
      }
    }
  }

  /// Runs on a thread that may block.
  private static func failures(
    of part: Part, _ run: SocketRun, where isWanted: @escaping @Sendable (Case) -> Bool
  ) async throws -> [String] {
    try await clientThreads.run {
      var failures: [String] = []
      for rule in part.rules {
        for sample in rule.cases where isWanted(sample) {
          do {
            _ = try run.check(sample.script)
          } catch {
            failures.append("\(rule.section), \(rule.text): \(sample.name): \(error)")
          }
        }
      }
      return failures
    }
  }
}

private let clientThreads = BlockingWork(threads: 8, waitingMax: 1000)
