import Postgres
import ServiceKit
import SharedKernel

/// A coupon that staff make or change.
struct CouponDraft: Sendable {
  let code: CouponCode
  let terms: CouponTerms
}

/// Coupons in the schema `orders`, with the orders that use them.
///
/// Whoever counts a use locks the coupon's row first; the customer's own uses are counted in a statement
/// after that one, which sees what those before it in the lock's queue have committed.
struct CouponRepository: RecordStore {
  let runner: any SQLRunner

  private static let columns: SQL = """
    code, percent, amount, currency, min_subtotal, starts_at, ends_at, max_uses,
    max_uses_per_customer, used, version
    """
  private static let byCode = Keyset<Coupon>(.ascending, .init("code", \.code))

  func record(_ key: CouponCode) async throws -> Coupon? {
    try await runner.first(
      .named("coupon.by-code", "SELECT \(Self.columns) FROM coupons WHERE code = \(key)"),
      Coupon.init(row:))
  }

  func records(_ page: PageRequest) async throws -> Page<Coupon> {
    try await runner.page(
      page, named: "coupon.list", by: Self.byCode, select: Self.columns, from: "coupons",
      where: [], Coupon.init(row:))
  }

  func insert(_ draft: CouponDraft) async throws -> Coupon {
    let terms = draft.terms
    let made = try await runner.first(
      """
      INSERT INTO coupons (code, percent, amount, currency, min_subtotal, starts_at, ends_at,
        max_uses, max_uses_per_customer)
      VALUES (\(draft.code), \(terms.benefit.percent), \(terms.benefit.amount), \(terms.currency),
        \(terms.minSubtotal?.minorUnits), \(terms.startsAt), \(terms.endsAt), \(terms.maxUses),
        \(terms.maxUsesPerCustomer))
      ON CONFLICT DO NOTHING
      RETURNING \(Self.columns)
      """, Coupon.init(row:))
    guard let made else { throw RecordError.duplicate(field: "code") }
    return made
  }

  /// - Throws: `ValidationFailure` for another code, or fewer uses than there were.
  func update(
    _ key: CouponCode, at version: Int, to draft: CouponDraft
  ) async throws -> Coupon? {
    guard draft.code == key else {
      throw ValidationFailure("/code", "immutable", "cannot be changed")
    }
    let terms = draft.terms
    do {
      return try await runner.first(
        """
        UPDATE coupons SET percent = \(terms.benefit.percent), amount = \(terms.benefit.amount),
          currency = \(terms.currency), min_subtotal = \(terms.minSubtotal?.minorUnits),
          starts_at = \(terms.startsAt), ends_at = \(terms.endsAt), max_uses = \(terms.maxUses),
          max_uses_per_customer = \(terms.maxUsesPerCustomer), version = version + 1
        WHERE code = \(key) AND version = \(version)
        RETURNING \(Self.columns)
        """, Coupon.init(row:))
    } catch let error as PostgresError where error.isCheckViolation("coupons_used") {
      throw ValidationFailure("/maxUses", "out_of_range", "is less than its uses so far")
    }
  }

  func remove(_ key: CouponCode, at version: Int) async throws -> Bool {
    do {
      return try await runner.execute(
        "DELETE FROM coupons WHERE code = \(key) AND version = \(version)") == 1
    } catch let error as PostgresError where error.isForeignKeyViolation() {
      throw RecordError.inUse("Orders have used this coupon: set endsAt instead.")
    }
  }

  // MARK: Uses

  /// How often the customer has used it, in orders that were not given up.
  func uses(of code: CouponCode, by customer: CouponCustomer) async throws -> Int {
    try await runner.value(
      .named(
        "coupon.uses",
        """
        SELECT count(*) FROM coupon_uses
        WHERE code = \(code) AND customer = \(customer.description)
        """)) ?? 0
  }

  /// Counts a use by an order that is being accepted, in its transaction: the coupon stays locked
  /// until that ends.
  ///
  /// - Parameter expected: as it was when the order was quoted.
  /// - Throws: `CartError.couponNotApplicable`; `CartError.changedMeanwhile` if the coupon gives
  ///   something else by now.
  func use(
    _ expected: Coupon, by customer: CouponCustomer, for order: OrderID, subtotal: Money,
    at now: Timestamp
  ) async throws {
    let code = expected.code
    let locked = try await runner.first(
      "SELECT \(Self.columns) FROM coupons WHERE code = \(code) FOR UPDATE", Coupon.init(row:))
    guard let locked else { throw CartError.couponNotApplicable(.unknown) }
    guard locked.terms.benefit == expected.terms.benefit else { throw CartError.changedMeanwhile }
    let uses = try await uses(of: code, by: customer)
    if let refusal = locked.refusal(subtotal: subtotal, usesByCustomer: uses, now: now) {
      throw CartError.couponNotApplicable(refusal)
    }
    try await runner.send("UPDATE coupons SET used = used + 1 WHERE code = \(code)")
    try await runner.send(
      """
      INSERT INTO coupon_uses (code, order_id, customer)
      VALUES (\(code), \(order), \(customer.description))
      """)
  }

  /// Gives back the use of an order that was given up, if it has one.
  func giveBack(usedBy order: OrderID) async throws {
    try await runner.send(
      """
      WITH returned AS (DELETE FROM coupon_uses WHERE order_id = \(order) RETURNING code)
      UPDATE coupons SET used = used - 1 FROM returned WHERE coupons.code = returned.code
      """)
  }
}

extension CouponCode: SQLRepresentable, CursorPart {
  var sqlValue: String { description }

  init(sqlValue: String) throws {
    guard let code = CouponCode(sqlValue) else {
      throw PostgresError.invalid("a coupon has a code that is none")
    }
    self = code
  }
}

extension Coupon.Benefit {
  fileprivate var percent: Int? { if case .percent(let percent) = self { percent } else { nil } }
  fileprivate var amount: Int64? {
    if case .fixed(let amount) = self { amount.minorUnits } else { nil }
  }
}

extension Coupon {
  init(row: inout Row) throws {
    code = try row.next()
    let percent: Int? = try row.next()
    let amount: Int64? = try row.next()
    let currency: Currency? = try row.next()
    let minSubtotal: Int64? = try row.next()
    func money(_ minorUnits: Int64?) throws -> Money? {
      guard let minorUnits else { return nil }
      guard let currency else { throw PostgresError.invalid("a coupon's amount has no currency") }
      return try Money(minorUnits: minorUnits, currency: currency)
    }
    let benefit: Benefit
    if let percent {
      benefit = .percent(percent)
    } else if let value = try money(amount) {
      benefit = .fixed(value)
    } else {
      throw PostgresError.invalid("a coupon gives nothing")
    }
    terms = try CouponTerms(
      benefit: benefit, minSubtotal: try money(minSubtotal), startsAt: try row.next(),
      endsAt: try row.next(), maxUses: try row.next(), maxUsesPerCustomer: try row.next())
    used = try row.next()
    version = try row.next()
  }
}
