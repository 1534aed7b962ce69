/// One endpoint's conduct: runs of failures, ejections, and their forgiveness
/// (resilience-and-discovery.md section 9).
struct OutlierRecord: Sendable {
  enum Standing: Equatable, Sendable {
    case healthy
    /// Not chosen before this instant; after it one call at a time tries.
    case ejected(until: Int64)
  }

  private(set) var standing = Standing.healthy
  /// A call that tries an ejected endpoint is on its way.
  var isProbed = false
  private(set) var timesEjected = 0
  private var failuresInARow = 0
  private var lossesInARow = 0
  private var lastLoss = Int64.min
  /// Since when nothing was held against it.
  private var cleanSince: Int64 = 0

  var isEjected: Bool { standing != .healthy }

  /// Whether an ejected endpoint may be tried by one call.
  func awaitsProbe(at now: Int64) -> Bool {
    guard case .ejected(let end) = standing else { return false }
    return now >= end && !isProbed
  }

  /// - Parameter began: when the attempt did. An answer to one sent before a connection was lost may have
  ///   been on its way already: it does not say that the instance is still there.
  mutating func succeed(_ rules: OutlierRules, began: Int64, at now: Int64) {
    forgive(rules, at: now)
    failuresInARow = 0
    if began >= lastLoss { lossesInARow = 0 }
  }

  /// - Parameters:
  ///   - isProbe: the call was let through to try an ejected endpoint.
  ///   - began: as of `succeed`.
  /// - Returns: why it should be ejected now, if it should.
  mutating func fail(
    _ failure: FailureClass, _ isProbe: Bool, _ rules: OutlierRules, began: Int64, at now: Int64
  ) -> BalancerEvent.EjectionReason? {
    forgive(rules, at: now)
    cleanSince = now
    failuresInARow += 1
    if failure.isConnectionLoss {
      lossesInARow += 1
      lastLoss = now
    } else if began >= lastLoss {
      lossesInARow = 0
    }
    if isEjected { return isProbe ? .probeFailed : nil }
    if lossesInARow >= rules.connectionLossesMax { return .connectionLosses }
    if failuresInARow >= rules.failuresMax { return .failures }
    return nil
  }

  /// - Returns: for how long, nanoseconds.
  mutating func eject(_ rules: OutlierRules, _ random: RandomSource, at now: Int64) -> Int64 {
    timesEjected += 1
    let time = rules.ejectionTime(timesEjected)
    let jittered = time.saturatingAdd(random.number(upTo: time / 100 * rules.ejectionJitter))
    standing = .ejected(until: now.saturatingAdd(jittered))
    failuresInARow = 0
    lossesInARow = 0
    return jittered
  }

  mutating func restore(at now: Int64) {
    standing = .healthy
    isProbed = false
    cleanSince = now
  }

  private mutating func forgive(_ rules: OutlierRules, at now: Int64) {
    guard timesEjected > 0, !isEjected else { return }
    let periods = max(0, now - cleanSince) / rules.ejectionBase
    guard periods > 0 else { return }
    timesEjected = Int(max(0, Int64(timesEjected) - periods))
    cleanSince += periods * rules.ejectionBase
  }
}

/// The settings of ejection as nanoseconds and counts.
struct OutlierRules: Sendable {
  let failuresMax: Int
  let connectionLossesMax: Int
  let ejectionBase: Int64
  let ejectionMax: Int64
  let ejectionJitter: Int64
  let ejectedShareMax: Int
  let panicShare: Int

  init(_ config: BalancerConfig) {
    failuresMax = config.failuresMax
    connectionLossesMax = config.connectionLossesMax
    ejectionBase = config.ejectionBase.nanosecondsSaturated
    ejectionMax = config.ejectionMax.nanosecondsSaturated
    ejectionJitter = Int64(config.ejectionJitter)
    ejectedShareMax = config.ejectedShareMax
    panicShare = config.panicShare
  }

  func ejectionTime(_ times: Int) -> Int64 {
    min(ejectionMax, ejectionBase.saturatingMultiply(Int64(times)))
  }

  /// Whether one more of `known` may be ejected. Asked with the candidate counted: asked without,
  /// one could always be ejected, even the last (envoy#26877).
  func mayEject(alreadyEjected: Int, known: Int) -> Bool {
    (alreadyEjected + 1) * 100 <= ejectedShareMax * known
  }

  func isPanic(healthy: Int, known: Int) -> Bool {
    healthy * 100 < panicShare * known
  }

  /// Failures that say something about the instance rather than about the request.
  static func counts(_ failure: FailureClass) -> Bool {
    switch failure {
    case .connectionRefused, .requestNotSent, .maybeProcessed, .attemptTimedOut, .gatewayFailure,
      .unavailable:
      true
    case .tooEarly, .throttled, .serverError, .unsupported, .untrusted, .deadlinePassed: false
    }
  }
}
