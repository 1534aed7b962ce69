import SharedKernel
import Testing

@testable import Payments

@Suite("A payment operation")
struct PaymentOperationTests {
  @Test(
    "the id of an undoing step is the same whoever makes it, and differs by payment and attempt")
  func derivesIds() {
    let payments = (0..<200).map { _ in PaymentID.new() }
    var seen: Set<OperationID> = []
    for payment in payments {
      for attempt in 1...5 {
        let id = OperationID.undoing(payment, attempt: attempt)
        #expect(id == OperationID.undoing(payment, attempt: attempt))
        #expect(id.uuid.high & 0xF000 == 0x8000)
        #expect(id.uuid.low >> 62 == 0b10)
        seen.insert(id)
      }
    }
    #expect(seen.count == 1000)
  }

  @Test("the token is forgotten at the outcome")
  func forgetsToken() {
    var succeeded = PaymentOperation(
      id: .new(), kind: .authorize, amount: 1, token: "tok_ok", createdAt: Samples.start)
    var failed = succeeded
    succeeded.succeed(reference: "ch_1")
    failed.fail(code: "no", reference: nil)
    #expect(succeeded.token == nil)
    #expect(failed.token == nil)
  }
}
