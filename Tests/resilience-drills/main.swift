import Dispatch
import EventLoops
import Foundation
import HTTPClient

// What the shop does when its parts fail, by real processes and the real Consul:
// `resilience-drills hold --shopctl PATH --ports-from N` holds the drills on a running copy, prints a table, and
// exits 1 when a bound is missed, 70 when a drill cannot be held. `./shop test resilience` starts that copy,
// holds the drills on it and removes it.
//
// `resilience-drills peer`, `ledger` and `thief` are the peers that drills start.

let drills: [any Drill.Type] = [
  CatalogueDrill.self, LostAnswerDrill.self, DeadlineDrill.self, HangUpDrill.self,
  BadInstanceDrill.self, OutageDrill.self, ClockStepDrill.self, PaymentPathDrill.self,
  LeaderDrill.self, InstanceLossDrill.self, PeerLossDrill.self, ConsulRestartDrill.self,
]
let usage = """
  usage: resilience-drills hold --shopctl PATH --ports-from N [--rounds N] [--orders-per-second N]
    [--drills NAME,NAME]
  drills: \(drills.map { $0.name }.joined(separator: " "))
  """

guard let arguments = Arguments(CommandLine.arguments.dropFirst()) else {
  print(usage)
  exit(64)
}
do {
  switch arguments.role {
  case "peer":
    endWithParent()
    let agent = try arguments.number("consul", in: 1...65535)
    try await Peer(agent: "127.0.0.1:\(agent)").run(port: 0)
  case "ledger":
    endWithParent()
    try Ledger.run()
  case "thief":
    endWithParent()
    try Thief.run(inFrontOf: UInt16(try arguments.number("of", in: 1...65535)))
  case "hold":
    let wanted = arguments.text("drills").map { $0.split(separator: ",").map(String.init) }
    if let unknown = wanted?.first(where: { name in !drills.contains { $0.name == name } }) {
      throw Trouble("there is no drill \"\(unknown)\"\n\(usage)")
    }
    let chosen = drills.filter { wanted?.contains($0.name) ?? true }
    let ground = try Ground(arguments)
    let held = Task(executorPreference: ground.loop) {
      var findings: [Finding] = []
      for drill in chosen {
        FileHandle.standardError.write(Data("  .. \(drill.name)\n".utf8))
        findings += try await drill.init().run(on: ground)
      }
      return findings
    }
    let findings = try await held.value
    print(Finding.table(findings))
    exit(findings.allSatisfy(\.isGood) ? 0 : 1)
  default:
    print(usage)
    exit(64)
  }
} catch {
  print("resilience-drills: \(error)")
  exit(70)
}

/// Ends a peer when whoever started it has ended.
func endWithParent() {
  DispatchQueue.global().async {
    while FileHandle.standardInput.availableData.count > 0 {}
    exit(0)
  }
}
