import Foundation
import HTTPMessages
import Synchronization

/// Who packs parcels: ships and refunds orders over HTTP, by the example account of staff.
final class StaffDesk: Sendable {
  /// What came of one request, for a client that asks again with the same key until it knows.
  enum Answer: Sendable, Equatable {
    /// Shipped, or paid back.
    case done
    /// Not yet, or not known: to be asked again.
    case again(String)
    /// Refused for good.
    case refused(String)
  }

  private let shop: Storefront
  private let token = Mutex<String?>(nil)

  init(_ shop: Storefront) {
    self.shop = shop
  }

  /// Ships all that is left of an order; again with the same order and run, it is the same shipment.
  func ship(_ order: String) async -> Answer {
    struct Body: Encodable {
      let lines: [Units]
      let carrier = "Load Post"
      let trackingNumber: String
    }
    return await act(on: order, "shipments") { found in
      Body(
        lines: found.lines.map { Units(lineId: $0.id, quantity: $0.quantity) },
        trackingNumber: "LP-\(order.prefix(8))")
    }
  }

  /// Pays back all units of a shipped order, and puts them on the shelf again.
  func refund(_ order: String) async -> Answer {
    struct Body: Encodable {
      let lines: [Units]
      let restock = true
      let reason = "came back"
    }
    return await act(on: order, "refunds") { found in
      Body(lines: found.lines.map { Units(lineId: $0.id, quantity: $0.quantity) })
    }
  }

  private struct Units: Encodable {
    let lineId: String
    let quantity: Int
  }

  private struct Order: Decodable {
    struct Line: Decodable {
      let id: String
      let quantity: Int
    }
    let lines: [Line]
  }

  private func act<Body: Encodable & Sendable>(
    on order: String, _ what: String, _ body: (Order) -> Body
  ) async -> Answer {
    do {
      let staff = ["Authorization": "Bearer \(try await signedIn())"] as [HTTPFieldName: String]
      let found = try await shop.send(.get, "/orders/\(order)", of: "order", nil, staff)
      guard found.status == .ok else { return read(found) }
      let answer = try await shop.send(
        .post, "/orders/\(order)/\(what)", of: "order",
        body(try JSONDecoder().decode(Order.self, from: Data(found.body))),
        staff.merging(["Idempotency-Key": "\(shop.run)-\(what)-\(order)"]) { $1 })
      return read(answer)
    } catch {
      return .again("\(error)")
    }
  }

  private func read(_ response: HTTPResponse) -> Answer {
    struct Problem: Decodable { let type: String? }
    // A body of another form tells nothing but its status.
    let problem = try? JSONDecoder().decode(Problem.self, from: Data(response.body))
    let type = problem?.type?.split(separator: "/").last.map(String.init)
    let note = "\(response.status.code)" + (type.map { " \($0)" } ?? "")
    switch (response.status.code, type) {
    case (200...201, _): return .done
    case (401, _):
      token.withLock { $0 = nil }
      return .again(note)
    case (409, "operation-in-progress"), (409, "idempotency-in-progress"), (202, _), (429, _),
      (500..., _):
      return .again(note)
    default: return .refused(note)
    }
  }

  private func signedIn() async throws -> String {
    if let known = token.withLock({ $0 }) { return known }
    let made = try await shop.signInAsStaff()
    token.withLock { $0 = made }
    return made
  }
}
