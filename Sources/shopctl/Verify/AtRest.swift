/// Waits until nothing moves any more: every saga finished, every operation answered, every event read.
struct AtRest: Sendable {
  static let lookInterval: Duration = .milliseconds(500)

  let admin: AdminSession

  /// What still moves, the first of each kind; empty at rest. A database that does not answer moves.
  func moving() async -> [String] {
    do {
      let look = try await admin.snapshot {
        try await Verification(restChecks, in: $0, shownMax: 1)
      }
      return look.results.flatMap(\.violations).map(\.what)
    } catch let trouble as Trouble {
      return trouble.evidence.isEmpty ? [trouble.cause] : trouble.evidence
    } catch {
      return ["\(error)"]
    }
  }

  /// - Returns: what still moved when the time was over; empty when it came to rest.
  func wait(atMost limit: Duration) async -> [String] {
    let deadline = ContinuousClock.now + limit
    var moving = await moving()
    while !moving.isEmpty, ContinuousClock.now < deadline, !Task.isCancelled {
      await pause(Self.lookInterval)
      moving = await self.moving()
    }
    return moving
  }
}
