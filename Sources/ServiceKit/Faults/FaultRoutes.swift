import HTTPMessages
import SharedKernel

/// `/admin/faults`, where faults are enabled. Rules live in this process alone, so an idempotency key, which
/// is kept in the database, would outlive them: POST takes none.
struct FaultRoutes: Sendable {
  /// Nothing goes wrong here: otherwise a fault could not be taken back.
  static let path = "/admin/faults"

  let points: FaultPoints

  func add(to routes: inout Routes) {
    struct Answer: Encodable {
      let points: [String]
      let rules: [FaultPoints.View]
    }
    let points = points
    routes.get(Self.path, access: .admin) { _ in
      try .json(Answer(points: points.names, rules: points.all))
    }
    routes.post(Self.path, access: .admin) { call in
      try .json(points.add(call.json()), status: .created)
    }
    routes.delete(Self.path + "/{id}", access: .admin) { call in
      try points.remove(call.parameter("id"))
      return .noContent
    }
  }
}
