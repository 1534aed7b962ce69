import SharedKernel

/// Marks ids of shipments and of refunds, which live in another service.
enum ShipmentSubject {}
typealias ShipmentID = ID<ShipmentSubject>
enum RefundSubject {}
typealias RefundID = ID<RefundSubject>

/// Units that leave the house or come back to it, as they are asked for and as they are told.
struct MovedUnits: Codable, Sendable {
  let lines: [ReservationLine]

  /// The lines by ascending variant: the order in which stock rows are locked.
  ///
  /// - Throws: `ValidationFailure`.
  func checked() throws(ValidationFailure) -> [ReservationLine] {
    var validation = Validation()
    lines.validate(&validation)
    try validation.finish()
    return lines.sorted { $0.variantId < $1.variantId }
  }
}

/// What a movement of stock is for. The same one moves each variant once.
struct StockReference: Hashable, Sendable {
  let type: String
  let id: String

  static func shipment(_ id: ShipmentID) -> StockReference {
    StockReference(type: "shipment", id: "\(id)")
  }

  static func refund(_ id: RefundID) -> StockReference {
    StockReference(type: "refund", id: "\(id)")
  }
}
