/// Works off what falls due, bounded, item by item: as one ends the next is taken, and a slow one
/// holds up nobody else. Nor do many slow ones of one lane: it has a bound of its own.
struct DueWork<Item: Sendable, Lane: Hashable & Sendable>: Sendable {
  static var pause: Duration { .milliseconds(500) }

  /// Under way at once, in this process.
  var underWayMax = 16
  /// Of these at most so many of one lane.
  var laneMax = Int.max
  /// What an item may hold up the others of; nil for nothing.
  let lane: @Sendable (Item) -> Lane?
  /// Leases at most `limit` items that are due, so that no other instance takes them meanwhile; of a
  /// lane no more than `laneMax` with those that are under way.
  let take: @Sendable (_ limit: Int, _ underWay: [Lane: Int]) async throws -> [Item]
  let handle: @Sendable (Item) async throws -> Void
  /// Told of what an item could not be handled for.
  let failed: @Sendable (any Error) -> Void

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
      var lanes: [Lane: Int] = [:]
      var isPausing = false
      // More of a lane that was full may have been due all the while.
      var hasFullLaneEnded = false
      var count = 0
      repeat {
        let room = underWayMax - underWay
        if room > 0, !isPausing || hasFullLaneEnded {
          hasFullLaneEnded = false
          let due = try await take(room, lanes)
          for item in due {
            if let lane = lane(item) { lanes[lane, default: 0] += 1 }
            group.addTask {
              do {
                try await handle(item)
              } catch let error where !(error is CancellationError) {
                // The others go on; this one is taken again when its lease has run out.
                failed(error)
              }
              return .ended(lane(item))
            }
          }
          underWay += due.count
          count += due.count
          if underWay > 0, due.count < room, !isPausing {
            isPausing = true
            group.addTask {
              try await Task.sleep(for: Self.pause)
              return .paused
            }
          }
        }
        switch underWay > 0 ? try await group.next() : nil {
        case .ended(let lane):
          underWay -= 1
          guard let lane, let others = lanes[lane].map({ $0 - 1 }) else { break }
          if others + 1 == laneMax { hasFullLaneEnded = true }
          lanes[lane] = others == 0 ? nil : others
        case .paused: isPausing = false
        case nil: break
        }
      } while underWay > 0 || hasFullLaneEnded
      group.cancelAll()
      return count
    }
  }

  private enum Turn {
    case ended(Lane?)
    /// It may be looked again for what is due.
    case paused
  }
}
