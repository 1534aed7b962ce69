import Testing

@testable import Resilience

@Suite("circuit breaker journal")
struct CircuitBreakerJournalTests {
  func begins(_ journal: inout CircuitBreakerJournal) -> Bool { journal.beginDelivery() }

  func instants(_ journal: inout CircuitBreakerJournal) -> [Int64]? {
    journal.nextBatch()?.events.map(\.instant.nanoseconds)
  }

  @Test("while one thread delivers no other begins, and it delivers what comes meanwhile")
  func oneDeliverer() {
    var journal = CircuitBreakerJournal(name: "payment")
    let (_, listener) = AsyncStream.makeStream(of: CircuitBreakerEvent.self)
    let number = journal.add(listener)
    journal.note(.reset, at: 1)
    #expect(begins(&journal))
    #expect(instants(&journal) == [1])
    journal.note(.reset, at: 2)
    journal.note(.reset, at: 3)
    #expect(!journal.needsDelivery)
    #expect(!begins(&journal))
    #expect(instants(&journal) == [2, 3])
    #expect(instants(&journal) == nil)
    journal.note(.reset, at: 4)
    #expect(begins(&journal))
    journal.remove(number)
    #expect(instants(&journal) == nil)
    #expect(!journal.isKept)
  }

  @Test("the oldest events make room and are counted")
  func bound() {
    var journal = CircuitBreakerJournal(name: "payment")
    let (_, listener) = AsyncStream.makeStream(of: CircuitBreakerEvent.self)
    _ = journal.add(listener)
    for instant in 0..<300 { journal.note(.reset, at: Int64(instant)) }
    #expect(journal.dropped == 44)
    #expect(instants(&journal)?.first == 44)
  }
}
