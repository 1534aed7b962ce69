import HTTPMessages
package import Resilience
import Synchronization

/// How many requests each client may make: a token bucket for each, in this process.
package final class RequestRates: Sendable {
  /// Clients that are remembered. Past that, those who have all their tokens are forgotten, since they lose
  /// nothing by it; newcomers for whom there is still no room share one bucket.
  package static let clientsMax = 10_000
  private static let sharedBucket = "everybody else"

  /// What a client has left.
  struct Allowance: Sendable {
    let limit: Int
    let remaining: Int
    /// Until all tokens are back.
    let reset: Duration
    /// Until the next token comes; nil if there was one for this request.
    let wait: Duration?
  }

  private let perSecond: Int
  private let burst: Int
  private let clock: any ResilienceClock
  private let buckets = Mutex<[String: TokenBucket]>([:])

  /// - Parameters:
  ///   - perSecond: requests that each client may make for ever; 1 or more.
  ///   - burst: requests at once after a quiet time.
  package init(perSecond: Int, burst: Int, clock: any ResilienceClock = MonotonicClock()) {
    self.perSecond = perSecond
    self.burst = burst
    self.clock = clock
  }

  /// Takes a token of the client's.
  func take(for client: String) -> Allowance {
    let now = clock.now
    return buckets.withLock { buckets in
      var name = client
      if buckets[name] == nil, buckets.count >= Self.clientsMax {
        for (name, var bucket) in buckets where bucket.remaining(at: now) == burst {
          buckets[name] = nil
        }
        if buckets.count >= Self.clientsMax { name = Self.sharedBucket }
      }
      var bucket = buckets[name] ?? TokenBucket(perSecond: perSecond, burst: burst, at: now)
      let wait = bucket.take(at: now)
      buckets[name] = bucket
      let remaining = bucket.remaining(at: now)
      return Allowance(
        limit: burst, remaining: remaining,
        reset: .nanoseconds(bucket.cost * Int64(burst - remaining)), wait: wait)
    }
  }
}

extension RequestRates.Allowance {
  /// As fields of the answer (IETF httpapi draft "RateLimit header fields for HTTP", its first form).
  func tell(in fields: inout HTTPFields) {
    fields["RateLimit-Limit"] = String(limit)
    fields["RateLimit-Remaining"] = String(remaining)
    fields["RateLimit-Reset"] = String(wholeSeconds(roundingUp: reset))
  }
}
