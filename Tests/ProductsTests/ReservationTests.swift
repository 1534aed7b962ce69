import SharedKernel
import Testing

@testable import Products

@Suite("Reservations")
struct ReservationTests {
  private static let lines = [
    ReservationLine(variantId: 1, quantity: 2), ReservationLine(variantId: 2, quantity: 1),
  ]
  private static let now = Timestamp(microseconds: 1_700_000_000_000_000)

  private func reservation(_ state: Reservation.State, fulfilled: Int = 0) -> Reservation {
    Reservation(
      orderID: .new(), state: state, expiresAt: Self.now, lines: Self.lines,
      fulfilled: fulfilled == 0 ? [:] : [1: fulfilled], version: 1)
  }

  private func request(_ lines: [ReservationLine] = lines) throws -> HoldRequest {
    try HoldRequest(lines: lines, expiresAt: Self.now + .seconds(60), now: Self.now)
  }

  private func outcome(
    _ step: () throws(ReservationError) -> ReservationStep
  ) -> Result<ReservationStep, ReservationError> {
    Result(catching: step)
  }

  @Test(
    "a hold in each state",
    arguments: [
      (.held, .success(.extend)), (.committed, .success(.keep)), (.fulfilled, .success(.keep)),
      (.expired, .success(.take(then: .held, refusalIsFinal: false))),
      (.released, .failure(.closed(.released))), (.refused, .failure(.insufficientStock([]))),
    ] as [(Reservation.State, Result<ReservationStep, ReservationError>)])
  func hold(
    state: Reservation.State, expected: Result<ReservationStep, ReservationError>
  ) throws {
    let request = try request()
    let reservation = reservation(state)
    #expect(
      outcome { () throws(ReservationError) in try reservation.step(toHold: request) } == expected)
  }

  @Test("a hold of other lines is refused in every state", arguments: Reservation.State.allCases)
  func otherLines(state: Reservation.State) throws {
    let other = try request([ReservationLine(variantId: 1, quantity: 3)])
    #expect(throws: state == .released ? .closed(.released) : ReservationError.otherLines) {
      try reservation(state).step(toHold: other)
    }
  }

  @Test(
    "a commit in each state",
    arguments: [
      (.held, .success(.become(.committed))), (.committed, .success(.keep)),
      (.fulfilled, .success(.keep)),
      (.expired, .success(.take(then: .committed, refusalIsFinal: false))),
      (.released, .failure(.closed(.released))), (.refused, .failure(.closed(.refused))),
    ] as [(Reservation.State, Result<ReservationStep, ReservationError>)])
  func commit(state: Reservation.State, expected: Result<ReservationStep, ReservationError>) {
    let reservation = reservation(state)
    #expect(outcome { () throws(ReservationError) in try reservation.stepToCommit() } == expected)
  }

  @Test(
    "a release in each state",
    arguments: [
      (.held, .success(.giveBack(hasStock: true))),
      (.committed, .success(.giveBack(hasStock: true))),
      (.expired, .success(.giveBack(hasStock: false))), (.released, .success(.keep)),
      (.refused, .success(.keep)), (.fulfilled, .failure(.closed(.fulfilled))),
    ] as [(Reservation.State, Result<ReservationStep, ReservationError>)])
  func release(state: Reservation.State, expected: Result<ReservationStep, ReservationError>) {
    let reservation = reservation(state)
    #expect(outcome { () throws(ReservationError) in try reservation.stepToRelease() } == expected)
  }

  @Test("what was shipped in part is not released")
  func shipped() {
    #expect(throws: ReservationError.closed(.fulfilled)) {
      try reservation(.committed, fulfilled: 1).stepToRelease()
    }
  }

  @Test("lines are locked in the order of their variants, whatever order they are asked in")
  func order() throws {
    #expect(try request(Self.lines.reversed()).lines == Self.lines)
  }

  @Test(
    "a hold that cannot be meant is refused, and told why",
    arguments: [
      ([], 60, ["/lines"]), ([(1, 0)], 60, ["/lines/0/quantity"]),
      ([(1, 1), (2, 1000), (3, -1)], 60, ["/lines/1/quantity", "/lines/2/quantity"]),
      ([(1, 1), (1, 2)], 60, ["/lines"]), ([(1, 1)], 0, ["/expiresAt"]),
      ([(1, 1)], -1, ["/expiresAt"]), ([(1, 1)], 1801, ["/expiresAt"]),
      ((1...101).map { ($0, 1) }, 60, ["/lines"]),
    ] as [([(Int, Int)], Int, [String])])
  func refused(lines: [(Int, Int)], seconds: Int, pointers: [String]) {
    let failure = #expect(throws: ValidationFailure.self) {
      try HoldRequest(
        lines: lines.map { ReservationLine(variantId: $0.0, quantity: $0.1) },
        expiresAt: Self.now + .seconds(seconds), now: Self.now)
    }
    #expect(failure?.faults.map(\.pointer) == pointers)
  }

  @Test("a hold is as large and as long as is allowed")
  func bounds() throws {
    let lines = (1...100).map { ReservationLine(variantId: $0, quantity: 999) }
    let request = try HoldRequest(
      lines: lines, expiresAt: Self.now + .seconds(1800), now: Self.now)
    #expect(request.lines == lines)
  }
}
