import SharedKernel

/// A shipment as it is answered.
struct ShipmentView: Encodable, Sendable {
  let id: ID<Shipment>
  let status: Shipment.Status
  let lines: [Units]
  let carrier: String
  let trackingNumber: String
  let trackingUrl: String?
  let failure: FollowUpFailure?
  let createdAt: Timestamp
  let shippedAt: Timestamp?
  let deliveredAt: Timestamp?

  init(_ shipment: Shipment) {
    id = shipment.id
    status = shipment.status
    lines = shipment.lines
    carrier = shipment.tracking.carrier
    trackingNumber = shipment.tracking.trackingNumber
    trackingUrl = shipment.tracking.trackingUrl
    failure = shipment.failure
    createdAt = shipment.createdAt
    shippedAt = shipment.shippedAt
    deliveredAt = shipment.deliveredAt
  }
}

/// A refund as it is answered.
struct RefundView: Encodable, Sendable {
  let id: ID<Refund>
  let status: Refund.Status
  let amount: Money
  let lines: [Units]
  let restock: Bool
  let reason: String?
  let failure: FollowUpFailure?
  let createdAt: Timestamp
  let finishedAt: Timestamp?

  init(_ refund: Refund) {
    id = refund.id
    status = refund.status
    amount = refund.amount
    lines = refund.lines
    restock = refund.restocks
    reason = refund.reason
    failure = refund.failure
    createdAt = refund.createdAt
    finishedAt = refund.finishedAt
  }
}
