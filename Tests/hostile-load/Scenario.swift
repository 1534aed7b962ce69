import EventLoops

/// What one kind of hostile load did to the server and to the ordinary client beside it.
struct Row {
  let name: String
  var clients = 0
  var ordinary = OrdinaryClient.Figures()
  /// From their connecting to the server's having let go of all of them; nil if that is not asked.
  var cut: Duration?
  var descriptors = (before: 0, after: 0)
  var residentBytes = (before: 0, peak: 0, after: 0)
  var remark = ""
  /// The bounds it missed.
  var faults: [String] = []

  mutating func expect(_ holds: Bool, _ fault: String) {
    if !holds { faults.append(fault) }
  }
}

/// Runs one kind of load against the server, with an ordinary client beside it, and holds it against
/// the bounds that all have in common.
final class Scenario {
  /// Of the ordinary client's 99th of 100 requests.
  static let p99Max: Duration = .milliseconds(500)
  /// What the server may keep when all has gone: malloc's own, not one connection's.
  static let residentGrowthMax = 8 * 1024 * 1024
  /// From the end of the load until the server's descriptors and memory are as before.
  private static let settlingMax: Duration = .seconds(5)
  private static let pollInterval: Duration = .milliseconds(20)

  let server: ServerProcess
  let loop: EventLoop
  private var peakBytes = 0

  init(_ server: ServerProcess, on loop: EventLoop) {
    self.server = server
    self.loop = loop
  }

  /// - Parameters:
  ///   - reconnects: the ordinary client makes new connections, too.
  ///   - attack: makes the clients, waits for what is to come of them, and closes them.
  func run(
    _ name: String, reconnects: Bool = true, attack: (inout Row) async throws -> Void
  ) async throws -> Row {
    var row = Row(name: name)
    row.descriptors.before = try server.descriptors
    row.residentBytes.before = try server.residentBytes
    peakBytes = row.residentBytes.before
    let ordinary = OrdinaryClient(port: server.port, reconnects: reconnects)
    try await loop.sleep(for: .milliseconds(300))
    try await attack(&row)
    row.ordinary = await ordinary.finish()
    let before = (row.descriptors.before, row.residentBytes.before)
    _ = try await wait(atMost: Self.settlingMax) {
      try server.descriptors == before.0
        && server.residentBytes <= before.1 + Self.residentGrowthMax
    }
    row.descriptors.after = try server.descriptors
    row.residentBytes.peak = peakBytes
    row.residentBytes.after = try server.residentBytes
    judge(&row)
    return row
  }

  private func judge(_ row: inout Row) {
    let p99 = row.ordinary.percentile(0.99)
    row.expect(server.isAlive, "the server is gone")
    row.expect(p99 < Self.p99Max, "the ordinary client's p99 is \(p99)")
    row.expect(row.ordinary.failures == 0, "\(row.ordinary.failures) ordinary requests failed")
    row.expect(
      row.descriptors.after == row.descriptors.before,
      "\(row.descriptors.after) descriptors are left of \(row.descriptors.before)")
    let growth = row.residentBytes.after - row.residentBytes.before
    row.expect(growth <= Self.residentGrowthMax, "the server keeps \(growth >> 20) MiB")
  }

  func clients(_ count: Int, _ script: Script, in row: inout Row) throws -> [HostileClient] {
    row.clients += count
    return try (0..<count).map { _ in
      try HostileClient(script, port: server.port, loop: loop)
    }
  }

  /// Looks every 20 ms whether `condition` holds, and at the server's memory.
  ///
  /// - Returns: how long it took; nil if it did not come true in time.
  func wait(
    atMost limit: Duration, until condition: () throws -> Bool
  ) async throws -> Duration? {
    let start = MonotonicTime.now()
    while try !condition() {
      if MonotonicTime.now() - start > limit { return nil }
      peakBytes = max(peakBytes, try server.residentBytes)
      try await loop.sleep(for: Self.pollInterval)
    }
    return MonotonicTime.now() - start
  }

  /// Expects that all of `clients` were answered with `status`. The last of them may still be reading
  /// its answer when the server has let go of the others, so those that live are waited for.
  ///
  /// - Returns: how many were.
  func told(_ status: Int, _ clients: [HostileClient], in row: inout Row) async throws -> Int {
    _ = try await wait(atMost: Self.settlingMax) {
      clients.allSatisfy { $0.state != .connecting && $0.state != .connected }
    }
    let silent = clients.filter { !$0.received.starts(with: "HTTP/1.1 \(status) ".utf8) }
    let states = Set(silent.map { "\($0.state)" }).sorted().joined(separator: ", ")
    row.expect(silent.isEmpty, "\(silent.count) were not told \(status) (\(states))")
    return clients.count - silent.count
  }

  /// Waits until the server has let go of everybody but the ordinary client, or it is too late.
  ///
  /// - Parameter earliest: nobody may be let go before, or no patience was seen.
  func waitForCut(
    _ row: inout Row, atLeast earliest: Duration = .zero, atMost limit: Duration
  ) async throws {
    // The ordinary client has one connection, and for a moment two.
    let most = row.descriptors.before + 2
    row.cut = try await wait(atMost: limit) { try server.descriptors <= most }
    if let cut = row.cut {
      row.expect(cut >= earliest, "all were gone after \(cut), before \(earliest)")
    } else {
      row.faults.append("\(try server.descriptors - most) are not cut after \(limit)")
    }
  }
}
