import SharedKernel

/// Where carts are kept. What is locked stays so until the transaction ends.
protocol CartStore: Sendable {
  func cart(_ id: CartID) async throws -> Cart?
  func lockedCart(_ id: CartID) async throws -> Cart?
  func lockedOpenCart(of user: UserID) async throws -> Cart?
  /// - Returns: nil if the user has an open cart.
  func insert(_ id: CartID, for user: UserID?, in currency: Currency) async throws -> Cart?
  /// Keeps what was changed, as the next version.
  ///
  /// - Parameter old: the same cart as it is stored.
  func save(_ cart: Cart, over old: Cart) async throws -> Cart
}

/// What can be done with carts, within one transaction.
struct CartService: Sendable {
  let store: any CartStore

  /// A new cart; or the user's open one, of which there is one at most.
  ///
  /// - Throws: `CartError.otherCurrency`.
  func create(for user: UserID?, in currency: Currency?) async throws -> (cart: Cart, isNew: Bool) {
    if let made = try await store.insert(.new(), for: user, in: currency ?? .usd) {
      return (made, true)
    }
    guard let user, let open = try await store.lockedOpenCart(of: user) else {
      // It was bought or closed at this very moment.
      throw CartError.changedMeanwhile
    }
    if let currency, currency != open.currency {
      throw CartError.otherCurrency(open.id, open.currency)
    }
    return (open, false)
  }

  /// Changes an open cart; a change that changes nothing makes no version.
  ///
  /// - Throws: `NotFound`, `CartError.notOpen`, and what `change` throws, with nothing changed.
  func change(_ id: CartID, _ change: (inout Cart) throws -> Void) async throws -> Cart {
    guard let old = try await store.lockedCart(id) else { throw NotFound("cart") }
    try old.requireOpen()
    var new = old
    try change(&new)
    return new == old ? old : try await store.save(new, over: old)
  }

  /// Gives up a cart; again is no fault.
  ///
  /// - Throws: as `change`.
  func abandon(_ id: CartID) async throws {
    if try await store.lockedCart(id)?.status == .abandoned { return }
    _ = try await change(id) { $0.status = .abandoned }
  }

  /// Moves what is in a guest's open cart into the user's, and closes it. Again by the same user gives
  /// the same cart.
  ///
  /// - Throws: `NotFound` for a cart that is no guest's; `CartError.notOpen`.
  func claim(_ id: CartID, by user: UserID) async throws -> Cart {
    guard let guest = try await store.lockedCart(id), guest.userID == nil else {
      throw NotFound("cart")
    }
    if let merged = guest.mergedInto, let own = try await store.cart(merged), own.userID == user {
      return own
    }
    try guest.requireOpen()
    let own: Cart
    if let made = try await store.insert(.new(), for: user, in: guest.currency) {
      own = made
    } else if let open = try await store.lockedOpenCart(of: user) {
      own = open
    } else {
      throw CartError.changedMeanwhile
    }
    var merged = own
    merged.merge(guest)
    var closed = guest
    closed.status = .abandoned
    closed.mergedInto = own.id
    _ = try await store.save(closed, over: guest)
    return merged == own ? own : try await store.save(merged, over: own)
  }
}
