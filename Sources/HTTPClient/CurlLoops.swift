import EventLoops

/// A client's libcurl on every loop of a group; closed when the client goes.
final class CurlLoops: Sendable {
  private let group: EventLoopGroup
  private let curls: [CurlLoop]

  init(group: EventLoopGroup, limits: ClientLimits) {
    self.group = group
    curls = group.loops.map { CurlLoop(loop: $0, limits: limits) }
  }

  deinit {
    // No transfer is under way: each has a caller who keeps its client.
    for curl in curls { curl.loop.execute { curl.close() } }
  }

  /// That of the loop that runs this code, else of the next in turn.
  var preferred: CurlLoop { curls[group.preferred.index] }
}
