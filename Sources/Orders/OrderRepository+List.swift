import JSONSyntax
import Postgres
import ServiceKit
import SharedKernel

/// Orders as a list shows them: their lines and addresses, which are most of it, become JSON with nothing in between.
/// Each order is what its `OrderView` is encoded to, byte for byte; a property test holds the two together.
extension OrderRepository {
  func list(
    _ filter: OrderFilter, _ page: PageRequest, isForOwner: Bool
  ) async throws -> OrderList {
    let heads = try await database.page(
      page, named: "order.list", by: filter.isOldestFirst ? Self.oldestFirst : Self.newestFirst,
      select: OrderHead.columns, from: OrderHead.table, where: Self.conditions(filter),
      // A customer has few.
      countIn: filter.userID == nil ? database.reports : database, OrderHead.init)
    if heads.elements.isEmpty { return OrderList(json: Array("[]".utf8), total: heads.total) }
    let ids = heads.elements.map(\.id)
    async let lines = lines(of: ids)
    async let addresses = addresses(of: ids)
    let followed = heads.elements.filter(\.hasFollowUps).map(\.id)
    let shipmentsOf = followed.isEmpty ? [:] : try await shipments(of: followed)
    let refundsOf = followed.isEmpty ? [:] : try await refunds(of: followed)
    let (linesOf, addressesOf) = (try await lines, try await addresses)
    var json = JSONWriter(capacity: ids.count * 1024)
    json.beginArray()
    for head in heads.elements {
      guard let addresses = addressesOf[head.id] else {
        throw PostgresError.invalid("order \(head.id) has no address")
      }
      let lines = linesOf[head.id] ?? ListedLines(order: head.id)
      try json.order(
        head, lines, addresses: addresses, shipmentsOf[head.id, default: []],
        refundsOf[head.id, default: []], isForOwner: isForOwner)
    }
    json.endArray()
    return OrderList(json: json.bytes, next: heads.next, total: heads.total)
  }

  private static let oldestFirst = Keyset<OrderHead>(
    .ascending, .init("o.created_at", \.createdAt), .init("o.id", \.id))
  private static let newestFirst = Keyset<OrderHead>(
    .descending, .init("o.created_at", \.createdAt), .init("o.id", \.id))

  private func lines(of orders: [OrderID]) async throws -> [OrderID: ListedLines] {
    var found: [OrderID: ListedLines] = [:]
    var open: ListedLines?
    var json = JSONWriter(capacity: 2048)
    func close() {
      guard var lines = open else { return }
      json.endArray()
      lines.json = json.bytes
      found[lines.order] = lines
      json.removeAll()
    }
    _ = try await database.query(
      """
      SELECT l.order_id, o.currency, l.id, l.variant_id, l.product_id, l.name, l.sku, l.quantity,
        l.unit_amount, l.discount, l.tax, l.total, l.shipped, l.refunded_qty
      FROM order_lines l JOIN orders o ON o.id = l.order_id
      WHERE l.order_id = ANY(\(orders.tenOrMore)) ORDER BY l.order_id, l.position
      """
    ) { row in
      let order: OrderID = try row.next()
      if order != open?.order {
        close()
        open = ListedLines(order: order)
        json.beginArray()
      }
      let currency: Currency = try row.next()
      let units = try json.line(&row, currency)
      open?.ordered += units.ordered
      open?.shipped += units.shipped
    }
    close()
    return found
  }

  private func addresses(of orders: [OrderID]) async throws -> [OrderID: [UInt8]] {
    var found: [OrderID: [UInt8]] = [:]
    var open: OrderID?
    var json = JSONWriter(capacity: 512)
    func close() {
      guard let order = open else { return }
      json.endObject()
      found[order] = json.bytes
      json.removeAll()
    }
    _ = try await database.query(
      """
      SELECT order_id, kind, name, line1, line2, city, region, postal_code, country, phone
      FROM order_addresses WHERE order_id = ANY(\(orders.tenOrMore)) ORDER BY order_id, kind DESC
      """
    ) { row in
      let order: OrderID = try row.next()
      if order != open {
        close()
        open = order
        json.beginObject()
      }
      json.name(try row.next())
      try json.address(&row)
    }
    close()
    return found
  }
}

/// An order's lines, and how many units they are of.
private struct ListedLines: Sendable {
  let order: OrderID
  var json = Array("[]".utf8)
  var ordered = 0
  var shipped = 0
}

extension JSONWriter {
  fileprivate mutating func order(
    _ head: OrderHead, _ lines: ListedLines, addresses: [UInt8], _ shipments: [Shipment],
    _ refunds: [Refund], isForOwner: Bool
  ) throws {
    beginObject()
    member("id")
    text(head.id.description)
    member("number")
    text("\(head.number)")
    member("state")
    text(head.state.rawValue)
    member("paymentStatus")
    text(PaymentStatus(head.payment).rawValue)
    member("fulfilmentStatus")
    text(FulfilmentStatus(shipped: lines.shipped, ordered: lines.ordered).rawValue)
    member("userId", head.userID?.description)
    member("email", head.email)
    member("locale", head.locale)
    member("note", head.note)
    member("lines")
    json(lines.json)
    member("totals")
    totals(head.totals)
    member("addresses")
    json(addresses)
    if let method = head.shippingMethod {
      member("shippingMethod")
      beginObject()
      member("id", method.id.description)
      member("name", method.name)
      endObject()
    }
    if let code = head.couponCode {
      member("coupon")
      beginObject()
      member("code", code.description)
      endObject()
    }
    if head.totals.total.minorUnits > 0 { member("paymentId", head.paymentID.description) }
    // Few orders have these.
    member("shipments")
    json(try JSONEncoding.encode(shipments.map(ShipmentView.init)))
    member("refunds")
    json(try JSONEncoding.encode(refunds.map(RefundView.init)))
    if let action = isForOwner ? head.nextAction : head.nextAction?.withoutAccessToken {
      member("nextAction")
      json(try JSONEncoding.encode(action))
    }
    member("cancelReason", head.cancellation?.reason.rawValue)
    member("declineCode", head.cancellation?.declineCode)
    member("cancelRequested")
    bool(head.cancelRequested)
    member("attention")
    bool(head.needsAttention)
    member("version")
    integer(Int(head.version))
    member("createdAt")
    time(head.createdAt)
    endObject()
  }

  /// Left out for nil.
  private mutating func member(_ name: StaticString, _ value: String?) {
    guard let value else { return }
    member(name)
    text(value)
  }

  private mutating func totals(_ totals: OrderTotals) {
    beginObject()
    member("subtotal")
    money(totals.subtotal)
    member("discount")
    money(totals.discount)
    member("shipping")
    money(totals.shipping)
    member("tax")
    money(totals.tax)
    member("total")
    money(totals.total)
    endObject()
  }

  /// - Returns: its units.
  fileprivate mutating func line(
    _ row: inout Row, _ currency: Currency
  ) throws -> (ordered: Int, shipped: Int) {
    beginObject()
    member("id")
    try uuidColumn(&row)
    member("variantId")
    try integerColumn(&row)
    member("productId")
    try integerColumn(&row)
    member("name")
    try textColumn(&row)
    member("sku")
    try textColumn(&row)
    member("quantity")
    let ordered: Int = try row.next()
    integer(ordered)
    member("unitPrice")
    money(try row.money(currency))
    member("discount")
    money(try row.money(currency))
    member("tax")
    money(try row.money(currency))
    member("lineTotal")
    money(try row.money(currency))
    member("shipped")
    let shipped: Int = try row.next()
    integer(shipped)
    member("refunded")
    try integerColumn(&row)
    endObject()
    return (ordered, shipped)
  }

  fileprivate mutating func address(_ row: inout Row) throws {
    beginObject()
    member("name")
    try textColumn(&row)
    member("line1")
    try textColumn(&row)
    try textMember("line2", &row)
    member("city")
    try textColumn(&row)
    try textMember("region", &row)
    member("postalCode")
    try textColumn(&row)
    member("country")
    try textColumn(&row)
    try textMember("phone", &row)
    endObject()
  }
}
