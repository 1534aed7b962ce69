import Foundation
package import Postgres
package import SharedKernel

/// Who holds a lease in the database: a process, and the place that it serves at.
///
/// One process serves at a place at a time, so what an earlier one still holds there is nobody's any more: after
/// a crash its leases need not run out. Should it be there after all, as while it drains, the lease's epoch
/// keeps it from writing, and it takes nothing back.
package struct LeaseHolder: Sendable {
  /// What is written into the column `holder`.
  package let name: String
  private let prefix: String

  /// - Parameters:
  ///   - place: a host and port that no other host names so; nil has no predecessors.
  ///   - process: in the order in which processes begin.
  package init(place: String? = nil, process: UUID128 = .v7()) {
    prefix = place.map { "\($0) " } ?? ""
    name = "\(prefix)\(process)"
  }

  init(_ settings: Settings) {
    let host = "\(ProcessInfo.processInfo.hostName) \(settings.advertisedHost ?? ownAddress())"
    self.init(
      place: settings.port == 0 ? nil : "\(host) \(settings.host):\(settings.port)")
  }

  /// Whether the holder of a row began earlier at the same place.
  package var isPredecessor: SQL {
    prefix.isEmpty
      ? "false" : "(starts_with(holder, \(prefix)) AND holder COLLATE \"C\" < \(name))"
  }
}
