import Foundation
import Hummingbird
import Logging
import NIOPosix

// The comparison's routes as Hummingbird's own examples write them: Codable values in and out.
// PORT and THREADS (event loops) come from the environment.

struct Message: ResponseEncodable {
  let message: String
}

struct Order: ResponseCodable {
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

func setting(_ name: String, otherwise: Int) -> Int {
  ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? otherwise
}

let router = Router()
router.get("/plaintext") { _, _ in "Hello, World!" }
router.get("/json") { _, _ in Message(message: "Hello, World!") }
router.post("/echo") { request, context in
  try await request.decode(as: Order.self, context: context)
}

var logger = Logger(label: "hummingbird-server")
logger.logLevel = .error
let application = Application(
  router: router,
  configuration: .init(
    address: .hostname("127.0.0.1", port: setting("PORT", otherwise: 8080)), backlog: 1024),
  eventLoopGroupProvider: .shared(
    MultiThreadedEventLoopGroup(numberOfThreads: setting("THREADS", otherwise: 1))),
  logger: logger)
try await application.runService()
