import Testing

@testable import shopctl

struct RestartBackoffTests {
  @Test("each fall in a row doubles the wait, up to half a minute")
  func grows() {
    var backoff = RestartBackoff()
    let waits = (0..<8).map { _ in backoff.ended(after: .seconds(1)) }
    #expect(
      waits == [
        .milliseconds(500), .seconds(1), .seconds(2), .seconds(4), .seconds(8), .seconds(16),
        .seconds(30), .seconds(30),
      ])
  }

  @Test("a run of a minute makes it forget the falls before")
  func forgets() {
    var backoff = RestartBackoff()
    for _ in 0..<5 { _ = backoff.ended(after: .seconds(1)) }
    #expect(backoff.ended(after: .seconds(60)) == .milliseconds(500))
    #expect(backoff.failures == 1)
  }

  @Test("a thousand falls do not overflow the wait")
  func stays() {
    var backoff = RestartBackoff()
    for _ in 0..<1000 { _ = backoff.ended(after: .zero) }
    #expect(backoff.ended(after: .zero) == .seconds(30))
  }
}
