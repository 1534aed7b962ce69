import HTTPMessages
import ServiceKit
import SharedKernel

/// The product service as checkout uses it: its catalogue and its reservations.
struct ProductClient: Catalogue, StockKeeper {
  let upstream: any Upstream

  // MARK: S0

  func variants(
    _ wanted: [OrderRequest.Wanted], in currency: Currency, limit: Duration?
  ) async throws -> [CatalogueVariant] {
    var variants: [String] = []
    var products: [String] = []
    for item in wanted {
      switch item {
      case .variant(let id): variants.append("\(id)")
      case .product(let id): products.append("\(id)")
      }
    }
    var query = "currency=\(currency)"
    if !variants.isEmpty { query += "&ids=\(variants.joined(separator: ","))" }
    if !products.isEmpty { query += "&productIds=\(products.joined(separator: ","))" }
    let answer = try await upstream.call(
      .get, "/internal/variants?\(query)",
      options: .limited(attempt: .seconds(1), attemptsMax: 3, to: limit))
    guard answer.status == .ok else {
      throw UpstreamFailure(target: upstream.name, answer: answer)
    }
    return try answer.decoded(as: [Variant].self).map(\.catalogueVariant)
  }

  private struct Variant: Decodable {
    let variantId: Int
    let productId: Int
    let variantCount: Int
    let name: String
    let sku: String
    let status: String
    let money: Money?
    let available: Int

    var catalogueVariant: CatalogueVariant {
      CatalogueVariant(
        variantID: variantId, productID: productId, name: name, sku: sku,
        isActive: status == "active", isOnlyOne: variantCount == 1, price: money,
        available: available)
    }
  }

  // MARK: S1, S3, C1

  func hold(
    _ lines: [SagaInput.Line], for order: OrderID, until: Timestamp, limit: Duration?
  ) async -> StepResult {
    struct Hold: Encodable {
      let lines: [SagaInput.Line]
      let expiresAt: Timestamp
    }
    return await reservation(limit) { options in
      try await upstream.call(
        .put, "/internal/reservations/\(order)", json: Hold(lines: lines, expiresAt: until),
        options: options)
    }
  }

  func commitHold(of order: OrderID, limit: Duration?) async -> StepResult {
    await reservation(limit) { options in
      try await upstream.call(
        .post, "/internal/reservations/\(order)/commit", options: options)
    }
  }

  func releaseHold(of order: OrderID, limit: Duration?) async -> StepResult {
    await reservation(limit) { options in
      try await upstream.call(
        .post, "/internal/reservations/\(order)/release", options: options)
    }
  }

  // MARK: F2, R2

  private struct Units: Encodable {
    let lines: [SagaInput.Line]
  }

  func fulfil(
    _ lines: [SagaInput.Line], of order: OrderID, as shipment: UUID128, limit: Duration?
  ) async -> StepResult {
    await reservation(limit) { options in
      try await upstream.call(
        .put, "/internal/reservations/\(order)/fulfilments/\(shipment)",
        json: Units(lines: lines), options: options)
    }
  }

  func restock(
    _ lines: [SagaInput.Line], with refund: UUID128, limit: Duration?
  ) async -> StepResult {
    await reservation(limit) { options in
      try await upstream.call(
        .put, "/internal/restocks/\(refund)", json: Units(lines: lines), options: options)
    }
  }

  private func reservation(
    _ limit: Duration?, _ call: (CallOptions) async throws -> HTTPResponse
  ) async -> StepResult {
    await PeerClient.step(
      .limited(attempt: .seconds(2), attemptsMax: 3, to: limit), call
    ) { answer in
      switch (answer.status.code, answer.problemKind) {
      case (200, _), (201, _): StepResult(.done)
      case (_, .insufficientStock): StepResult(.refused(.noStock(shortages(in: answer))))
      case (_, .overShipped): StepResult(.refused(.overShipped))
      case (_, .reservationClosed):
        // A first hold that was refused is closed for good, and for want of stock.
        answer.problemBody?["state"]?.textValue == "refused"
          ? StepResult(.refused(.noStock([]))) : StepResult(.refused(.holdClosed))
      default: nil
      }
    }
  }

  private func shortages(in answer: HTTPResponse) -> [Shortage] {
    struct Problem: Decodable {
      let errors: [Shortage]?
    }
    // A refusal that does not say what is short is a refusal all the same.
    return (try? answer.decoded(as: Problem.self))?.errors ?? []
  }
}
