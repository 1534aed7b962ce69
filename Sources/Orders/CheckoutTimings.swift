import SharedKernel

/// How long checkout takes at most, and how patient it is. Tests and fault drills shorten these.
struct CheckoutTimings: Sendable {
  /// From acceptance to the confirmation.
  var checkout: Duration = .seconds(10 * 60)
  /// What the first hold is asked for; longer than `checkout`, so that it does not end before.
  var hold: Duration = .seconds(15 * 60)
  /// How long an order awaits its payment.
  var paymentWait: Duration = .seconds(15 * 60)
  /// What is added to that for the steps after the payment.
  var afterPayment: Duration = .seconds(5 * 60)
  /// The hold of an order that awaits its payment; longer than the two before together.
  var extendedHold: Duration = .seconds(25 * 60)
  /// How often a payment that is awaited is asked for; events wake the saga earlier.
  var waitingPace: Duration = .seconds(30)
  /// How long a saga belongs to who took it, from each of its records on.
  var lease: Duration = .seconds(15)
  /// The bounds of the backoff after a call that told nothing.
  var backoffMin: Duration = .seconds(1)
  var backoffMax: Duration = .seconds(10)
  /// Without progress for so long, a saga is put before a person, and slowed down.
  var parkAfter: Duration = .seconds(60 * 60)
  var parkedPace: Duration = .seconds(5 * 60)

  /// How long to wait after the `attempts`-th call in a row that told nothing: full jitter over a
  /// range that doubles from `backoffMin` to `backoffMax`.
  /// (Brooker, "Exponential Backoff and Jitter", 2015.)
  ///
  /// - Parameters:
  ///   - attempts: from 1.
  ///   - random: from 0 up to 1.
  func backoff(attempts: Int, random: Double) -> Duration {
    let doublings = min(max(attempts - 1, 0), 16)
    return min(backoffMax, backoffMin * (1 << doublings)) * random
  }
}
