import Foundation

/// The last screen of `up`: who listens where, and one line to try.
struct AddressTable: Sendable {
  let plan: Plan
  let state: StateDirectory

  /// - Parameter note: what to say of an instance, such as its state.
  func text(note: (ServiceInstance) -> String) -> String {
    var lines: [String] = []
    for instance in plan.ports.instances {
      lines.append(
        Self.row(
          instance.name, address(plan.ports[instance.name]), note(instance), instance.service.duty))
    }
    if plan.agent != nil {
      lines.append(Self.row("Consul", address(plan.ports["consul"]) + "/ui", "", ""))
    } else {
      lines.append(
        Self.row("Consul", "none", "", "the services use a fixed table (DISCOVERY=static)"))
    }
    lines.append(Self.row("database", plan.databaseAddress, "", ""))
    if plan.ownsDatabase {
      lines.append(
        Self.row("", "PGPASSFILE=\(state.passwordFilePath) psql \(auditorAddress)", "", ""))
    }
    lines.append(Self.row("logs", "./shop logs -f\(words)", "", ""))
    lines.append(Self.row("", state.logsPath, "", ""))
    return lines.joined(separator: "\n")
  }

  /// Works as pasted.
  var firstRequest: String { "curl -s '\(address(plan.ports["product"]))/products?limit=2'" }

  private var words: String { plan.portsFrom.map { " --ports-from \($0)" } ?? "" }

  private var auditorAddress: String {
    // Where psql may look at everything and change nothing.
    (try? DatabaseURL(plan.adminURL, setting: ""))
      .map { $0.with(user: Roles.auditor, password: "").safeText } ?? plan.databaseAddress
  }

  private func address(_ port: Int) -> String { "http://127.0.0.1:\(port)" }

  /// "notification-2" fits.
  private static let nameWidth = 14

  private static func row(_ name: String, _ address: String, _ state: String, _ duty: String)
    -> String
  {
    let cells = [
      pad(name, nameWidth), duty.isEmpty ? address : pad(address, 22), pad(state, 18), duty,
    ]
    return ("  " + cells.filter { !$0.isEmpty }.joined(separator: " ")).trimmingSuffixBlanks()
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text.isEmpty && width != nameWidth
      ? "" : text + String(repeating: " ", count: max(0, width - text.count))
  }
}

extension String {
  fileprivate func trimmingSuffixBlanks() -> String {
    String(self[..<(lastIndex { $0 != " " }.map(index(after:)) ?? startIndex)])
  }
}
