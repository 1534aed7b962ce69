import Foundation
import HTTPMessages
import ServiceKit

/// An upstream reads a POST and closes the reused connection without an answer.
struct LostAnswerDrill: Drill {
  static let name = "lost-answer"
  private static let service = "drill-ledger"

  func run(on ground: Ground) async throws -> [Finding] {
    let ledger = try await ground.peers(1, role: "ledger")[0]
    try await ground.agent.register(Self.service, port: ledger.port)
    let caller = try ground.caller()
    var lost = 0
    try await caller.watching([Self.service]) {
      let upstream = caller.peers.upstream(Self.service)
      for round in 0..<ground.rounds {
        // A connection that a read has left for reuse.
        _ = try await upstream.call(.get, "/")
        if (try? await upstream.call(.post, "/charges/\(round)")) == nil { lost += 1 }
      }
    }
    try await ground.agent.deregister(Self.service, port: ledger.port)
    guard
      let tally = await ground.shop.loopback.get(ledger.port, "/tally", as: [String: Int].self)
    else { throw Trouble("the ledger tells no tally") }
    let entries = tally.filter { $0.key.hasPrefix("/charges/") }
    let twice = entries.values.filter { $0 > 1 }.count
    return [
      finding(
        "POSTs in the ledger more than once", "\(twice) of \(entries.count)", bound: "none",
        twice == 0 && entries.count == ground.rounds)
    ]
  }
}
