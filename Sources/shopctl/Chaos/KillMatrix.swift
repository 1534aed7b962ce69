/// Every named fault point of every service, in each flow that customers or staff can begin: the service dies
/// there, is started again, and all must come to rest and hold.
enum KillMatrix {
  /// What a customer does, or staff do for one.
  enum Flow: String, CaseIterable, Sendable {
    case checkout, cancel, ship, refund
  }

  struct Case: Sendable, Equatable, CustomStringConvertible {
    let flow: Flow
    let service: String
    let point: String
    /// At which pass of the point it dies, from 1.
    let nth: Int

    var description: String { "\(flow.rawValue), \(service) dies at \(point), pass \(nth)" }

    var rule: AdminAPI.Rule {
      AdminAPI.Rule(
        point: point, action: "kill", match: path.map(AdminAPI.Rule.Match.init(path:)),
        nth: [nth], times: 1)
    }

    /// What belongs to the flow, of all that passes the point: readers of feeds pass it, too.
    private var path: String? {
      let goods = flow == .refund ? "/internal/restocks" : "/internal/reservations"
      return switch (service, point) {
      case ("order", "http.request"), ("order", "http.response"): "/orders"
      case ("product", "http.request"), ("product", "http.response"): goods
      case ("payment", "http.request"), ("payment", "http.response"): "/internal/payments"
      case ("order", "client.product.before"), ("order", "client.product.after"): goods
      case ("order", "client.payment.before"), ("order", "client.payment.after"):
        "/internal/payments"
      case (_, _): nil
      }
    }
  }

  /// How a case ended.
  enum Outcome: Sendable, Equatable {
    /// It died there, and all is well.
    case survived
    /// The flow does not come by that point.
    case notPassed
    case failed([String])
  }

  /// Transactions have no name, so the first few of a flow are each killed.
  static let transactionPasses = 1...3

  /// In a fixed order.
  static func cases(points: [(service: String, points: [String])]) -> [Case] {
    Flow.allCases.flatMap { flow in
      points.flatMap { service, points in
        points.flatMap { point in
          (point.hasPrefix("tx.") ? Array(transactionPasses) : [1]).map {
            Case(flow: flow, service: service, point: point, nth: $0)
          }
        }
      }
    }
  }
}
