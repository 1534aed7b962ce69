/// A customer who wants to know: asks again with the same key until there is an answer that no repetition
/// changes, or the patience is over.
struct Shopper: Sendable {
  /// What one customer saw.
  struct Experience: Sendable, Equatable {
    enum Ending: String, CaseIterable, Sendable {
      case confirmed
      /// Cancelled at the customer's wish, and told so.
      case cancelled
      /// Wanted to cancel what was confirmed, and was not told whether it is.
      case cancelling
      /// Confirmed, and staff were told that it is shipped.
      case shipped
      /// Staff were told that all of it is paid back.
      case refunded
      /// Confirmed, and staff were not told whether their command was done.
      case following
      /// The shop gave the order up: its time was over.
      case givenUp = "given up"
      case declined
      case outOfStock = "out of stock"
      /// Refused in a way that no plan foresees.
      case refused
      case undecided
    }

    let key: String
    var ending: Ending
    /// All that an answer to this key named.
    var orderIDs: Set<String> = []
    /// Checkouts sent with this key.
    var tries = 0
    var lastNote = ""
  }

  /// Between two tries.
  static let pauseMilliseconds = 300...1_500

  let shop: Storefront
  /// Who ships and refunds; nil where nobody does.
  var staff: StaffDesk?
  let patientUntil: ContinuousClock.Instant

  func visit(_ purchase: Purchase) async -> Experience {
    var experience = Experience(key: shop.key(of: purchase), ending: .undecided)
    repeat {
      experience.tries += 1
      let answer = await shop.checkOut(purchase)
      if let id = answer.orderID { experience.orderIDs.insert(id) }
      experience.lastNote = answer.note
      switch answer.kind {
      case .confirmed:
        experience.ending = .confirmed
        if purchase.isRegretted, let id = answer.orderID, let token = answer.orderToken {
          await regret(id, token: token, &experience)
        }
        if let id = answer.orderID { await follow(purchase.sequel, id, &experience) }
        return experience
      case .cancelled: experience.ending = .givenUp
      case .declined: experience.ending = .declined
      case .outOfStock: experience.ending = .outOfStock
      case .refused: experience.ending = .refused
      case .awaitingPayment:
        if let payment = answer.paymentID, let token = answer.paymentToken {
          _ = await shop.approve(payment, token: token)
        }
      case .running, .unavailable, .noAnswer: break
      }
      if answer.kind.isFinal { return experience }
    } while await hasPatience()
    return experience
  }

  /// Asks to cancel a confirmed order until told what became of it.
  func regret(_ order: String, token: String, _ experience: inout Experience) async {
    experience.ending = .cancelling
    repeat {
      let answer = await shop.cancel(order, token: token)
      experience.lastNote = "cancel: \(answer.note)"
      if answer.kind == .cancelled { experience.ending = .cancelled }
      if answer.kind == .refused { experience.ending = .refused }
      if answer.kind.isFinal { return }
    } while await hasPatience()
  }

  /// Has staff ship what was confirmed, and pay it back if that is how it goes on.
  func follow(_ sequel: Purchase.Sequel, _ order: String, _ experience: inout Experience) async {
    guard let staff, sequel != .none else { return }
    experience.ending = .following
    guard await insist({ await staff.ship(order) }, &experience) else { return }
    experience.ending = .shipped
    guard sequel == .refunded else { return }
    experience.ending = .following
    if await insist({ await staff.refund(order) }, &experience) { experience.ending = .refunded }
  }

  /// Asks again until something is done; false when it was refused, or the patience is over.
  private func insist(
    _ ask: () async -> StaffDesk.Answer, _ experience: inout Experience
  ) async -> Bool {
    repeat {
      switch await ask() {
      case .done: return true
      case .again(let note): experience.lastNote = "staff: \(note)"
      case .refused(let note):
        experience.lastNote = "staff: \(note)"
        experience.ending = .refused
        return false
      }
    } while await hasPatience()
    return false
  }

  private func hasPatience() async -> Bool {
    await pause(.milliseconds(Int.random(in: Self.pauseMilliseconds)))
    return ContinuousClock.now < patientUntil && !Task.isCancelled
  }
}
