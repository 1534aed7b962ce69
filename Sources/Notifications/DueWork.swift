/// Works off what falls due, bounded, item by item: as one ends the next is taken, and a slow one
/// holds up nobody else.
struct DueWork<Item: Sendable>: Sendable {
  /// Under way at once.
  static var underWayMax: Int { 16 }
  static var pause: Duration { .milliseconds(500) }

  /// Leases items that are due, so that no other instance takes them meanwhile.
  let take: @Sendable (_ limit: Int) async throws -> [Item]
  let handle: @Sendable (Item) async throws -> Void

  /// Until cancelled.
  func run() async throws {
    while !Task.isCancelled {
      if try await workOff() == 0 { try await Task.sleep(for: Self.pause) }
    }
  }

  /// Handles what is due and what falls due meanwhile, until nothing is.
  ///
  /// - Returns: how many were handled.
  func workOff() async throws -> Int {
    try await withThrowingTaskGroup(of: Turn.self) { group in
      var underWay = 0
      var isPausing = false
      var count = 0
      repeat {
        let room = Self.underWayMax - underWay
        if room > 0, !isPausing {
          let due = try await take(room)
          for item in due {
            group.addTask {
              try await handle(item)
              return .ended
            }
          }
          underWay += due.count
          count += due.count
          if underWay > 0, due.count < room {
            isPausing = true
            group.addTask {
              try await Task.sleep(for: Self.pause)
              return .paused
            }
          }
        }
        switch underWay > 0 ? try await group.next() : nil {
        case .ended: underWay -= 1
        case .paused: isPausing = false
        case nil: break
        }
      } while underWay > 0
      group.cancelAll()
      return count
    }
  }

  private enum Turn {
    case ended
    /// It may be looked again for what is due.
    case paused
  }
}
