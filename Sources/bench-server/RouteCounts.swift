import EventLoops
import HTTPMessages
import Synchronization

/// The answers of one route: by class of status, and by duration.
final class RouteCounts: Sendable {
  /// Inclusive upper bounds of the buckets, in microseconds; one more has none.
  private static let boundsMicroseconds: [Int64] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
  ]
  private let statuses = InlineArray<6, Atomic<Int>> { _ in Atomic(0) }
  private let durations = InlineArray<13, Atomic<Int>> { _ in Atomic(0) }
  private let nanoseconds = Atomic<Int64>(0)

  func record(_ status: HTTPStatus, _ duration: Duration) {
    let spent = duration.wholeNanoseconds
    var bucket = 0
    while bucket < Self.boundsMicroseconds.count, spent > Self.boundsMicroseconds[bucket] * 1000 {
      bucket += 1
    }
    statuses[status.code / 100].add(1, ordering: .relaxed)
    durations[bucket].add(1, ordering: .relaxed)
    nanoseconds.add(spent, ordering: .relaxed)
  }

  func exposition(route: String) -> String {
    var text = ""
    for status in 1...5 {
      let count = statuses[status].load(ordering: .relaxed)
      text += "http_requests_total{route=\"\(route)\",status=\"\(status)xx\"} \(count)\n"
    }
    let name = "http_request_duration_seconds"
    var sum = 0
    for bucket in durations.indices {
      sum += durations[bucket].load(ordering: .relaxed)
      let isLast = bucket == Self.boundsMicroseconds.count
      let bound = isLast ? "+Inf" : "\(Double(Self.boundsMicroseconds[bucket]) / 1e6)"
      text += "\(name)_bucket{route=\"\(route)\",le=\"\(bound)\"} \(sum)\n"
    }
    text +=
      "\(name)_sum{route=\"\(route)\"} \(Double(nanoseconds.load(ordering: .relaxed)) / 1e9)\n"
    return text + "\(name)_count{route=\"\(route)\"} \(sum)\n"
  }
}
