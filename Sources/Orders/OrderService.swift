import SharedKernel

/// Where orders are kept.
protocol OrderStore: Sendable {
  func order(_ id: OrderID) async throws -> Order?
  /// - Parameter isForOwner: whether it is the orders' owner who is told, who alone may act on payments.
  func list(_ filter: OrderFilter, _ page: PageRequest, isForOwner: Bool) async throws -> OrderList
  /// Oldest first; nil if there is no such order.
  func history(of id: OrderID) async throws -> [HistoryEntry]?
  /// The order that this key has made, if it has.
  func placed(principal: String, key: String) async throws -> PlacedOrder?
  /// Keeps the order with its saga, leased to the caller, and its event, locks its cart and counts its
  /// coupon's use; or, if the key has made an order meanwhile, tells which.
  ///
  /// - Throws: `CartError`, with nothing kept.
  func accept(_ order: NewOrder) async throws -> Acceptance
  /// Asks a running checkout to turn back, or begins to cancel a confirmed order.
  ///
  /// - Throws: `OrderError.invalidTransition`, `.operationInProgress`; `NotFound`.
  func cancel(_ id: OrderID, _ request: CancelRequest) async throws
}

/// A page of orders, as it is answered.
struct OrderList: Sendable {
  /// An array.
  let json: [UInt8]
  var next: Cursor?
  /// Of all pages; nil when it was not asked for.
  var total: Int?
}

/// Which orders a list shows.
struct OrderFilter: Sendable {
  /// nil: everybody's, for staff.
  var userID: UserID?
  var state: OrderState?
  var paymentStatus: PaymentStatus?
  var from: Timestamp?
  var to: Timestamp?
  var email: String?
  var number: Int64?
  var needsAttention: Bool?
  var isOldestFirst = false
}

/// The order that a key has made.
struct PlacedOrder: Sendable {
  let id: OrderID
  let fingerprint: [UInt8]
}

enum Acceptance: Sendable {
  case accepted(SagaLease)
  case existing(PlacedOrder)
}

/// Everything that T0 keeps.
struct NewOrder: Sendable {
  let key: OrderKey
  let userID: UserID?
  let request: OrderRequest
  let quote: Quote
  let captureMode: CaptureMode
  let acceptedAt: Timestamp
  let deadline: Timestamp
  /// How long the saga belongs to the request.
  let lease: Duration
}

/// What makes a request one and the same.
struct OrderKey: Hashable, Sendable {
  let principal: String
  let key: String
  /// Keyed hash of the request.
  let fingerprint: [UInt8]
}

struct CancelRequest: Sendable {
  /// At most 200 characters.
  let reason: String?
  /// `user:<id>` or `anon`.
  let actor: String
}

/// The catalogue of the product service.
protocol Catalogue: Sendable {
  /// What is known of these products' and variants; what is unknown is left out.
  ///
  /// - Parameter limit: what the caller will wait at most.
  /// - Throws: a `Failure` when the catalogue cannot be asked now.
  func variants(
    _ wanted: [OrderRequest.Wanted], in currency: Currency, limit: Duration?
  ) async throws -> [CatalogueVariant]
}

/// An order as its maker is told, and whether it had been made before.
struct Placement: Sendable {
  let order: Order
  let isReplay: Bool
}

/// What can be done with orders.
struct OrderService: Sendable {
  let store: any OrderStore
  let catalogue: any Catalogue
  let terms: any SalesTermsStore
  let addresses: any AddressBook
  let carts: any CartStore
  var checkout: CheckoutRunner
  let captureMode: CaptureMode

  /// How often a purchase is quoted anew because its cart or coupon was changed meanwhile.
  private static let quotesMax = 3

  /// Buys: quotes the price, accepts the order, and runs its checkout for as long as the caller waits.
  /// The same key leads to the same order, as it stands by then.
  ///
  /// - Parameter wait: how long to wait for the checkout's outcome; nothing stored depends on it.
  /// - Throws: `ValidationFailure`, `OrderError.priceChanged`, `CartError`, or a `Failure` of a peer that
  ///   was asked, with nothing kept; `OrderError.keyReused`.
  func place(
    _ request: OrderRequest, by userID: UserID?, _ key: OrderKey, wait: Duration
  ) async throws -> Placement {
    try await place(by: userID, key, wait: wait) { request }
  }

  /// Buys what is in a cart; else as `place`.
  ///
  /// - Throws: `NotFound`; else as `place`.
  func checkOut(
    _ cart: CartID, _ body: CheckoutBody, by userID: UserID?, _ key: OrderKey, wait: Duration
  ) async throws -> Placement {
    try await place(by: userID, key, wait: wait) {
      guard let cart = try await carts.cart(cart) else { throw NotFound("cart") }
      return try OrderRequest(cart, body, isGuest: userID == nil)
    }
  }

  /// - Parameter request: read anew for each quote, and not at all for a key that has made an order.
  private func place(
    by userID: UserID?, _ key: OrderKey, wait: Duration, _ request: () async throws -> OrderRequest
  ) async throws -> Placement {
    let until = checkout.now() + wait
    if let placed = try await store.placed(principal: key.principal, key: key.key) {
      return try await replay(placed, key, until: until)
    }
    var quotes = 1
    while true {
      let request = try await request()
      do {
        let acceptance = try await accept(request, by: userID, key)
        return try await placement(acceptance, key, until: until)
      } catch CartError.changedMeanwhile where quotes < Self.quotesMax {
        quotes += 1
      }
    }
  }

  private func accept(
    _ request: OrderRequest, by userID: UserID?, _ key: OrderKey
  ) async throws -> Acceptance {
    let address = try await request.destination.resolved(in: addresses, for: userID)
    async let terms = self.terms.terms(
      to: address, coupon: request.couponCode,
      for: CouponCustomer(user: userID, email: request.email))
    let variants = try await catalogue.variants(
      request.items.map(\.wanted), in: request.currency, limit: nil)
    let now = checkout.now()
    let quote = try Quote(
      request, to: address, variants: variants, terms: try await terms, now: now)
    return try await store.accept(
      NewOrder(
        key: key, userID: userID, request: request, quote: quote, captureMode: captureMode,
        acceptedAt: now, deadline: now + checkout.timings.checkout,
        lease: checkout.timings.lease))
  }

  private func placement(
    _ acceptance: Acceptance, _ key: OrderKey, until: Timestamp
  ) async throws -> Placement {
    switch acceptance {
    case .existing(let placed):
      return try await replay(placed, key, until: until)
    case .accepted(let lease):
      try await checkout.run(lease, until: until)
      return Placement(order: try await order(lease.order.id), isReplay: false)
    }
  }

  private func replay(
    _ placed: PlacedOrder, _ key: OrderKey, until: Timestamp
  ) async throws -> Placement {
    guard placed.fingerprint == key.fingerprint else { throw OrderError.keyReused }
    let order = try await settled(placed.id, until: until)
    return Placement(order: order, isReplay: true)
  }

  /// The order once its saga has come to an end or to a wait for the customer; or as it stands when
  /// the time is over. Runs the saga itself if nobody else does.
  func settled(_ id: OrderID, until: Timestamp) async throws -> Order {
    var pause: Duration = .milliseconds(25)
    while true {
      let order = try await order(id)
      guard order.isMoving, checkout.now() + pause < until else { return order }
      if let lease = try await checkout.store.take(of: id, lease: checkout.timings.lease) {
        try await checkout.run(lease, until: until)
        return try await self.order(id)
      }
      try await checkout.sleep(pause)
      pause = min(pause * 2, .milliseconds(400))
    }
  }

  /// - Throws: `NotFound`.
  func order(_ id: OrderID) async throws -> Order {
    guard let order = try await store.order(id) else { throw NotFound("order") }
    return order
  }

  /// The order once its version is another than `version`, or as it stands when the time is over.
  func order(_ id: OrderID, otherThan version: Int64, wait: Duration) async throws -> Order {
    let until = checkout.now() + wait
    var pause: Duration = .milliseconds(25)
    while true {
      let order = try await order(id)
      guard order.version == version, checkout.now() + pause < until else { return order }
      try await checkout.sleep(pause)
      pause = min(pause * 2, .milliseconds(400))
    }
  }

  /// - Parameter isForOwner: whether it is the orders' owner who is told.
  func list(
    _ filter: OrderFilter, _ page: PageRequest, isForOwner: Bool
  ) async throws -> OrderList {
    try await store.list(filter, page, isForOwner: isForOwner)
  }

  /// - Throws: `NotFound`.
  func history(of id: OrderID) async throws -> [HistoryEntry] {
    guard let history = try await store.history(of: id) else { throw NotFound("order") }
    return history
  }

  /// Cancels an order of which nothing has been shipped: money and stock go back.
  ///
  /// - Returns: the order, `cancelled` if that was done in time.
  /// - Throws: `NotFound`; `OrderError`.
  func cancel(
    _ id: OrderID, _ request: CancelRequest, wait: Duration
  ) async throws -> Order {
    let until = checkout.now() + wait
    try await store.cancel(id, request)
    return try await settled(id, until: until)
  }
}

extension Order {
  /// A saga is at work on it, and does not wait for the customer.
  var isMoving: Bool {
    switch state {
    case .pending, .cancelling: true
    case .awaitingPayment: cancelRequested
    case .confirmed, .partiallyShipped, .shipped, .delivered, .cancelled: false
    }
  }
}
