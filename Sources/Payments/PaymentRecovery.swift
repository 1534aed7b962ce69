import SharedKernel

/// Finishes what a request began and did not see through: asks the provider again about pending
/// operations, goes on with cancellations, ends holds whose time is over.
struct PaymentRecovery: Sendable {
  /// How many rows one round takes.
  private static let batch = 100
  /// How many provider calls run at once.
  private static let concurrency = 8

  let payments: PaymentService
  /// Is told what could not be finished this time; it stays for a later round.
  let failed: @Sendable (PaymentID, any Error) -> Void

  init(
    _ payments: PaymentService,
    failed: @escaping @Sendable (PaymentID, any Error) -> Void = { _, _ in }
  ) {
    self.payments = payments
    self.failed = failed
  }

  /// One round.
  ///
  /// - Returns: how many payments it worked on.
  func round() async throws -> Int {
    let now = payments.now()
    let due = try await payments.store.takeDue(limit: Self.batch, now: now)
    await forEach(due.map(\.payment)) { try await resume($0, among: due) }
    let stalled = try await payments.store.takeStalledCancellations(
      unmovedSince: now + (.zero - payments.timings.recoveryAge), limit: Self.batch, now: now)
    await forEach(stalled) { _ = try await payments.close($0) }
    let expired = try await payments.store.takeExpiredHolds(limit: Self.batch, now: now)
    await forEach(expired) { try await expire($0, now: now) }
    return due.count + stalled.count + expired.count
  }

  private func resume(_ id: PaymentID, among due: [DueOperation]) async throws {
    var payment = try await payments.existing(id)
    for operation in payment.operations
    where operation.state == .pending
      && due.contains(DueOperation(payment: id, operation: operation.id))
    {
      payment = try await payments.ask(operation, of: payment) ?? payment
    }
    if payment.state == .cancelling, !payment.operations.contains(where: { $0.state == .pending }) {
      _ = try await payments.close(id)
    }
  }

  private func expire(_ id: PaymentID, now: Timestamp) async throws {
    let (payment, begun) = try await payments.store.update(id) { $0.expire(now: now) }
    if let begun, let operation = payment.operation(begun) {
      _ = try await payments.ask(operation, of: payment)
    }
  }

  /// Works on each payment once, a few at a time; one that fails does not stop the others.
  private func forEach(
    _ ids: [PaymentID], _ work: @escaping @Sendable (PaymentID) async throws -> Void
  ) async {
    var waiting = Set(ids).makeIterator()
    await withTaskGroup(of: Void.self) { group in
      func startNext() {
        guard let id = waiting.next() else { return }
        group.addTask {
          do { try await work(id) } catch { failed(id, error) }
        }
      }
      for _ in 0..<Self.concurrency { startNext() }
      while await group.next() != nil { startNext() }
    }
  }
}
