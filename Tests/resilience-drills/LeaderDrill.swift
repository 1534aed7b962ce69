import EventLoops
import Foundation

/// The user service that does the work of all three is killed: how soon another does it.
struct LeaderDrill: Drill {
  static let name = "leader"
  private static let key = "user-service/leader/login-attempt-purge"
  /// A session of 10 s lives for twice that at most; a second of delay, and a look each half second.
  private static let bound: Duration = .seconds(25)
  private static let roundsMax = 5

  func run(on ground: Ground) async throws -> [Finding] {
    var times = Series()
    var isOther = true
    for _ in 0..<min(ground.rounds, Self.roundsMax) {
      let leader = try await leader(on: ground)
      try ground.shop.end(leader.name)
      times.add(
        try await wait(
          for: "another leader", atMost: .seconds(60), pace: .milliseconds(50), on: ground.loop
        ) {
          let lock = await ground.agent.lock(of: Self.key)
          return lock?.session != nil && lock?.session != leader.session
        })
      let next = try await self.leader(on: ground)
      isOther = isOther && next.pid != leader.pid
      try await ground.loop.sleep(for: .seconds(2))
    }
    return [
      finding(
        "a leader is killed, then another process leads", times.text,
        bound: "\(milliseconds(Self.bound)) ms", times.longest <= Self.bound && isOther)
    ]
  }

  private struct Leader {
    let name: String
    let pid: Int32
    let session: String
  }

  /// The instance whose process the key names. One that was killed a moment ago is not it.
  private func leader(on ground: Ground) async throws -> Leader {
    for _ in 0..<600 {
      if let lock = await ground.agent.lock(of: Self.key), let session = lock.session,
        let pid = lock.value?.split(separator: "/").last.flatMap({ Int32($0) }),
        let instance = try ground.shop.instances(of: "user").first(where: { $0.pid == pid })
      {
        return Leader(name: instance.name, pid: pid, session: session)
      }
      try await ground.loop.sleep(for: .milliseconds(100))
    }
    throw Trouble("nobody leads \(Self.key)")
  }
}
