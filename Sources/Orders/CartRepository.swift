import Postgres
import ServiceKit
import SharedKernel

/// Carts in the schema `orders`.
struct CartRepository: CartStore {
  let runner: any SQLRunner

  private static let columns: SQL = """
    id, user_id, currency, status, coupon_code, shipping, order_id, merged_into, version
    """

  func cart(_ id: CartID) async throws -> Cart? {
    try await whole(.named("cart.by-id", "SELECT \(Self.columns) FROM carts WHERE id = \(id)"))
  }

  func lockedCart(_ id: CartID) async throws -> Cart? {
    try await whole("SELECT \(Self.columns) FROM carts WHERE id = \(id) FOR UPDATE")
  }

  func lockedOpenCart(of user: UserID) async throws -> Cart? {
    try await whole(
      """
      SELECT \(Self.columns) FROM carts WHERE user_id = \(user) AND status = 'open' FOR UPDATE
      """)
  }

  private func whole(_ statement: SQL) async throws -> Cart? {
    guard var cart = try await runner.first(statement, Cart.init(row:)) else { return nil }
    cart.lines = try await runner.query(
      .named(
        "cart.lines",
        """
        SELECT variant_id, quantity FROM cart_lines WHERE cart_id = \(cart.id) ORDER BY position
        """)
    ) { Cart.Line(variantID: try $0.next(), quantity: try $0.next()) }
    return cart
  }

  func insert(_ id: CartID, for user: UserID?, in currency: Currency) async throws -> Cart? {
    try await runner.first(
      """
      INSERT INTO carts (id, user_id, currency, status) VALUES (\(id), \(user), \(currency), 'open')
      ON CONFLICT (user_id) WHERE status = 'open' DO NOTHING
      RETURNING \(Self.columns)
      """, Cart.init(row:))
  }

  func save(_ cart: Cart, over old: Cart) async throws -> Cart {
    if cart.lines != old.lines {
      let variants = cart.lines.map(\.variantID)
      try await runner.send(
        """
        DELETE FROM cart_lines WHERE cart_id = \(cart.id) AND variant_id <> ALL(\(variants))
        """)
      try await runner.send(
        """
        INSERT INTO cart_lines (cart_id, variant_id, quantity, position)
        SELECT \(cart.id), l.variant_id, l.quantity, l.position
        FROM unnest(\(variants), \(cart.lines.map { Int32($0.quantity) })) WITH ORDINALITY
          AS l (variant_id, quantity, position)
        ON CONFLICT (cart_id, variant_id) DO UPDATE
        SET quantity = excluded.quantity, position = excluded.position
        """)
    }
    let delivery = try cart.delivery.map { JSONText(try JSONEncoding.encode($0)) }
    let saved = try await runner.first(
      """
      UPDATE carts SET status = \(cart.status), coupon_code = \(cart.couponCode),
        shipping = \(delivery), merged_into = \(cart.mergedInto), version = version + 1,
        updated_at = now()
      WHERE id = \(cart.id) AND version = \(old.version)
      RETURNING \(Self.columns)
      """, Cart.init(row:))
    guard var saved else { throw CartError.changedMeanwhile }
    saved.lines = cart.lines
    return saved
  }

  // MARK: Checkout

  /// Locks an open cart for the order that is being made of it.
  ///
  /// - Throws: `CartError.notOpen`; `.changedMeanwhile` if it is not as it was quoted.
  func lock(_ cart: CartVersion, for order: OrderID) async throws {
    let locked = try await runner.execute(
      """
      UPDATE carts SET status = 'locked', order_id = \(order), version = version + 1,
        updated_at = now()
      WHERE id = \(cart.id) AND status = 'open' AND version = \(cart.version)
      """)
    if locked == 1 { return }
    guard let now = try await self.cart(cart.id) else { throw NotFound("cart") }
    try now.requireOpen()
    throw CartError.changedMeanwhile
  }

  /// The order of the cart was confirmed.
  func convert(_ cart: CartID, boughtBy order: OrderID) async throws {
    try await runner.send(
      """
      UPDATE carts SET status = 'converted', version = version + 1, updated_at = now()
      WHERE id = \(cart) AND order_id = \(order) AND status = 'locked'
      """)
  }

  /// The order of the cart was given up before it was confirmed: the cart is open again, unless its
  /// user has opened another meanwhile. One that was bought stays so.
  func reopen(_ cart: CartID, of order: OrderID, in transaction: Transaction) async throws {
    do {
      try await transaction.savepoint { savepoint in
        try await savepoint.execute(Self.release(cart, of: order, as: .open))
      }
    } catch let error as PostgresError where error.isUniqueViolation("carts_one_open") {
      try await transaction.send(Self.release(cart, of: order, as: .abandoned))
    }
  }

  private static func release(_ cart: CartID, of order: OrderID, as status: Cart.Status) -> SQL {
    """
    UPDATE carts SET status = \(status), order_id = NULL, version = version + 1, updated_at = now()
    WHERE id = \(cart) AND order_id = \(order) AND status = 'locked'
    """
  }
}

extension Cart.Status: SQLEncodable, SQLDecodable {}

extension Cart {
  /// Without its lines, which are in another table.
  fileprivate init(row: inout Row) throws {
    id = try row.next()
    userID = try row.next()
    currency = try row.next()
    status = try row.next()
    lines = []
    couponCode = try row.next()
    delivery = try row.json()
    orderID = try row.next()
    mergedInto = try row.next()
    version = try row.next()
  }
}
