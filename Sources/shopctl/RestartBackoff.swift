/// How long to wait before a program that ended by itself is started again: 0.5 s, doubled up to
/// 30 s; a run of a minute or longer makes it forget.
struct RestartBackoff: Sendable {
  static let firstDelay: Duration = .milliseconds(500)
  static let delayMax: Duration = .seconds(30)
  static let forgetsAfter: Duration = .seconds(60)

  /// Ends in a row, each after less than `forgetsAfter`.
  private(set) var failures = 0

  /// Notes that a run of length `lasted` ended, and returns how long to wait now.
  mutating func ended(after lasted: Duration) -> Duration {
    if lasted >= Self.forgetsAfter { failures = 0 }
    failures += 1
    // Six doublings pass the cap; more would only risk an overflow.
    return min(Self.firstDelay * (1 << min(failures - 1, 6)), Self.delayMax)
  }
}
