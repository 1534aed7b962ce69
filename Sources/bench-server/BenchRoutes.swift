import CoreHTTP
import EventLoops
import Foundation
import HTTPMessages

/// The routes that every server of the comparison has, and a few that show more of this one.
func benchRoutes() -> Router {
  var router = Router()
  let hello = Array("Hello, World!".utf8)
  let plain: HTTPFields = [.contentType: "text/plain"]
  router.onSync(.get, "/plaintext") { _, _ in
    HTTPResponse(.ok, fields: plain, body: hello)
  }
  router.onSync(.get, "/json") { _, _ in
    try json(Message(message: "Hello, World!"))
  }
  router.onSync(.post, "/echo") { request, _ in
    do {
      return try json(JSONDecoder().decode(Order.self, from: Data(request.body)))
    } catch {
      return ProblemBody.response(.badRequest)
    }
  }
  router.onSync(.post, "/mirror") { request, _ in
    HTTPResponse(.ok, fields: [.contentType: "application/octet-stream"], body: request.body)
  }
  // The cost of a handler that may suspend, beside /plaintext.
  router.on(.get, "/plaintext-async") { _, _ in
    HTTPResponse(.ok, fields: plain, body: hello)
  }
  router.on(.get, "/slow") { request, _ in
    let wanted = try request.queryItems.first { $0.name == "ms" }.flatMap { Int($0.value) }
    guard let wanted, (0...60_000).contains(wanted) else {
      return ProblemBody.response(.badRequest)
    }
    try await EventLoop.current?.sleep(for: .milliseconds(wanted))
    return HTTPResponse(
      .ok, fields: [.contentType: "text/plain"], body: Array("waited \(wanted) ms".utf8))
  }
  return router
}

private func json(_ value: some Encodable) throws -> HTTPResponse {
  HTTPResponse(
    .ok, fields: [.contentType: "application/json"], body: Array(try JSONEncoder().encode(value)))
}

private struct Message: Codable {
  let message: String
}

/// The comparison's order of about 1 KB.
private struct Order: Codable {
  struct Item: Codable {
    let sku: String
    let name: String
    let quantity: Int
    let priceCents: Int

    enum CodingKeys: String, CodingKey {
      case sku, name, quantity
      case priceCents = "price_cents"
    }
  }
  let id: Int
  let customer: String
  let email: String
  let note: String
  let items: [Item]
  let createdAt: String

  enum CodingKeys: String, CodingKey {
    case id, customer, email, note, items
    case createdAt = "created_at"
  }
}
