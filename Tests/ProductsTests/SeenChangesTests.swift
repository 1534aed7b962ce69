import Testing

@testable import Products

@Suite("What has been seen of changes")
struct SeenChangesTests {
  private let now = ContinuousClock.now
  private let snapshot: SeenChanges.Snapshot
  private let later: SeenChanges.Snapshot

  init() throws {
    snapshot = try #require(SeenChanges.Snapshot("10:12:10"))
    later = try #require(SeenChanges.Snapshot("12:15:"))
  }

  /// One that has heard everything up to `snapshot`, in the run "a".
  private func upToDate() throws -> SeenChanges {
    var seen = SeenChanges()
    let first = try #require(seen.question(at: now))
    #expect(first.since == nil)
    #expect(seen.take(snapshot, ofRun: "a", isWhole: false, for: first) == .everything)
    return seen
  }

  @Test(
    "a snapshot tells which transactions had ended",
    arguments: [("3:3:", "3", "3", []), ("10:14:10,12", "10", "14", ["10", "12"])])
  func snapshots(text: String, oldest: String, next: String, running: [String]) throws {
    let snapshot = try #require(SeenChanges.Snapshot(text))
    #expect(snapshot.oldest == oldest)
    #expect(snapshot.next == next)
    #expect(snapshot.running == running)
  }

  @Test("what is no snapshot is none", arguments: ["", "3", "3:4", "3::", ":3:", "3:4:5:6"])
  func noSnapshots(text: String) {
    #expect(SeenChanges.Snapshot(text) == nil)
  }

  @Test("what is asked for is what the last answer did not show")
  func goesOn() throws {
    var seen = try upToDate()
    let question = try #require(seen.question(at: now))
    #expect(question.since == snapshot)
    #expect(seen.take(later, ofRun: "a", isWhole: true, for: question) == .changes)
    #expect(seen.question(at: now)?.since == later)
  }

  @Test("an older answer that comes late leaves more to be asked for, not less")
  func late() throws {
    var seen = try upToDate()
    let questions = try (0..<2).map { _ in try #require(seen.question(at: now)) }
    #expect(seen.take(later, ofRun: "a", isWhole: true, for: questions[1]) == .changes)
    #expect(seen.take(snapshot, ofRun: "a", isWhole: true, for: questions[0]) == .changes)
    #expect(seen.question(at: now)?.since == snapshot)
  }

  @Test("in another run anything may have changed, and what was asked for before says nothing")
  func otherRun() throws {
    var seen = try upToDate()
    let question = try #require(seen.question(at: now))
    let meanwhile = try #require(seen.question(at: now))
    #expect(seen.take(later, ofRun: "b", isWhole: true, for: question) == .everything)
    #expect(seen.take(later, ofRun: "b", isWhole: true, for: meanwhile) == .askAgain)
    #expect(try take(later, ofRun: "b", isWhole: true, &seen) == .changes)
    #expect(try take(later, ofRun: "a", isWhole: true, &seen) == .everything)
  }

  @Test("where not all changes are named, all may have changed")
  func notWhole() throws {
    var seen = try upToDate()
    #expect(try take(later, ofRun: "a", isWhole: false, &seen) == .everything)
    #expect(try take(later, ofRun: "a", isWhole: true, &seen) == .changes)
  }

  @Test("nothing is asked for a second after a standby has said that it cannot tell")
  func paused() throws {
    var seen = try upToDate()
    seen.pause(at: now)
    #expect(seen.question(at: now + SeenChanges.pause - .milliseconds(1)) == nil)
    #expect(seen.question(at: now + SeenChanges.pause)?.since == snapshot)
  }

  /// Asks and takes the answer at once.
  private func take(
    _ snapshot: SeenChanges.Snapshot, ofRun run: String, isWhole: Bool, _ seen: inout SeenChanges
  ) throws -> SeenChanges.Verdict {
    let question = try #require(seen.question(at: now))
    return seen.take(snapshot, ofRun: run, isWhole: isWhole, for: question)
  }
}
