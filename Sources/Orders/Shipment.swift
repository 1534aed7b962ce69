import SharedKernel

/// A parcel of an order: which units are in it, and where it is.
struct Shipment: Sendable {
  enum Status: String, Codable, Sendable, CaseIterable {
    /// Being taken out of stock, and paid for where money is taken share by share.
    case pending
    case shipped
    case delivered
    /// Refused, and nothing was shipped.
    case failed
  }

  let id: ID<Shipment>
  let status: Status
  let tracking: Tracking
  let lines: [Units]
  /// What its capture takes, in minor units; 0 where the money was taken before.
  let share: Int64
  let failure: FollowUpFailure?
  let createdAt: Timestamp
  let shippedAt: Timestamp?
  let deliveredAt: Timestamp?
}

/// Who carries a parcel, and how to follow it.
struct Tracking: Codable, Hashable, Sendable {
  var carrier: String
  var trackingNumber: String
  /// https alone.
  var trackingUrl: String?

  /// Notes what is too long, or no address of a page.
  func validate(_ validation: inout Validation) {
    validation.requireText(carrier, "/carrier", length: 1...60)
    validation.requireText(trackingNumber, "/trackingNumber", length: 1...100)
    if let trackingUrl {
      validation.requireText(trackingUrl, "/trackingUrl", length: 1...500)
      validation.require(
        trackingUrl.hasPrefix("https://") && trackingUrl.utf8.count > 8
          && trackingUrl.utf8.allSatisfy { (0x21...0x7E).contains($0) },
        "/trackingUrl", "invalid", "must be an https address")
    }
  }
}

/// Units of one line of an order.
struct Units: Codable, Hashable, Sendable {
  let lineId: ID<OrderLine>
  let quantity: Int
}

extension [Units] {
  /// Notes as faults: no lines or too many, lines that are repeated or of another order, quantities
  /// out of range.
  func validate(of order: Order, _ validation: inout Validation) {
    validation.require(
      (1...OrderRequest.itemsMax).contains(count), "/lines", "out_of_range",
      "must have 1 to \(OrderRequest.itemsMax) lines")
    validation.require(
      Set(map(\.lineId)).count == count, "/lines", "repeated", "must be distinct lines")
    for (index, units) in prefix(OrderRequest.itemsMax).enumerated() {
      validation.require(
        (1...OrderRequest.quantityMax).contains(units.quantity), "/lines/\(index)/quantity",
        "out_of_range", "must be 1 to \(OrderRequest.quantityMax)")
      validation.require(
        order.lines.contains { $0.id == units.lineId }, "/lines/\(index)/lineId", "unknown",
        "is no line of this order")
    }
  }

  func quantity(of line: ID<OrderLine>) -> Int {
    first { $0.lineId == line }?.quantity ?? 0
  }
}

/// What staff send to ship units of an order.
struct ShipRequest: Decodable, Sendable {
  let lines: [Units]
  let carrier: String
  let trackingNumber: String
  let trackingUrl: String?

  var tracking: Tracking {
    Tracking(carrier: carrier, trackingNumber: trackingNumber, trackingUrl: trackingUrl)
  }
}

/// What staff send about a shipment on its way: only what is there changes.
struct ShipmentPatch: Decodable, Sendable {
  let status: Shipment.Status?
  let carrier: String?
  let trackingNumber: String?
  let trackingUrl: String?

  /// - Throws: `ValidationFailure` also for a status that only the shop itself may set.
  func checked(on tracking: Tracking) throws(ValidationFailure) -> Tracking {
    var validation = Validation()
    validation.require(
      status == nil || status == .delivered, "/status", "invalid", "can only become delivered")
    var changed = tracking
    if let carrier { changed.carrier = carrier }
    if let trackingNumber { changed.trackingNumber = trackingNumber }
    if let trackingUrl { changed.trackingUrl = trackingUrl }
    changed.validate(&validation)
    try validation.finish()
    return changed
  }
}

/// A checked shipment that is about to be begun.
struct ShipmentPlan: Sendable {
  let lines: [Units]
  let tracking: Tracking
  /// What is captured for it, in minor units; 0 where nothing is.
  let share: Int64
}

extension Order {
  /// What shipping these units would mean.
  ///
  /// - Throws: `ValidationFailure`; `OrderError` `.invalidTransition`, `.paymentGone`, `.overShipped`.
  func plan(_ request: ShipRequest) throws -> ShipmentPlan {
    var validation = Validation()
    request.lines.validate(of: self, &validation)
    request.tracking.validate(&validation)
    try validation.finish()
    guard OrderTransition.shipRest.from.contains(state) else {
      throw OrderError.invalidTransition(from: state, to: .shipped)
    }
    guard totals.total.minorUnits == 0 || !isPaidBack else {
      throw OrderError.paymentGone(paymentStatus)
    }
    for line in lines {
      let remaining = line.quantity - line.shipped
      guard request.lines.quantity(of: line.id) <= remaining else {
        throw OrderError.overShipped(remaining: remaining)
      }
    }
    return ShipmentPlan(
      lines: request.lines, tracking: request.tracking, share: share(of: request.lines))
  }

  /// The payment was voided, or all of it paid back.
  private var isPaidBack: Bool {
    switch paymentStatus {
    case .voided, .refunded: true
    case .none, .authorized, .captured, .partiallyRefunded: false
    }
  }
}
