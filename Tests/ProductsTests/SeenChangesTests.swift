import Testing

@testable import Products

@Suite("What has been seen of changes")
struct SeenChangesTests {
  private let snapshot: SeenChanges.Snapshot
  private let later: SeenChanges.Snapshot

  init() throws {
    snapshot = try #require(SeenChanges.Snapshot("10:12:10"))
    later = try #require(SeenChanges.Snapshot("12:15:"))
  }

  /// One that has heard everything up to `snapshot`, in the run "a".
  private func upToDate() -> SeenChanges {
    var seen = SeenChanges()
    let first = seen.question
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
  func goesOn() {
    var seen = upToDate()
    let question = seen.question
    #expect(question.since == snapshot)
    #expect(seen.take(later, ofRun: "a", isWhole: true, for: question) == .changes)
    #expect(seen.question.since == later)
  }

  @Test("an older answer that comes late leaves more to be asked for, not less")
  func late() {
    var seen = upToDate()
    let questions = [seen.question, seen.question]
    #expect(seen.take(later, ofRun: "a", isWhole: true, for: questions[1]) == .changes)
    #expect(seen.take(snapshot, ofRun: "a", isWhole: true, for: questions[0]) == .changes)
    #expect(seen.question.since == snapshot)
  }

  @Test("in another run anything may have changed, and what was asked for before says nothing")
  func otherRun() {
    var seen = upToDate()
    let (question, meanwhile) = (seen.question, seen.question)
    #expect(seen.take(later, ofRun: "b", isWhole: true, for: question) == .everything)
    #expect(seen.take(later, ofRun: "b", isWhole: true, for: meanwhile) == .askAgain)
    #expect(seen.take(later, ofRun: "b", isWhole: true, for: seen.question) == .changes)
    #expect(seen.take(later, ofRun: "a", isWhole: true, for: seen.question) == .everything)
  }

  @Test("where not all changes are named, all may have changed")
  func notWhole() {
    var seen = upToDate()
    #expect(seen.take(later, ofRun: "a", isWhole: false, for: seen.question) == .everything)
    #expect(seen.take(later, ofRun: "a", isWhole: true, for: seen.question) == .changes)
  }
}
