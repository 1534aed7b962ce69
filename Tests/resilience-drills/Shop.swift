import EventLoops
import Foundation
import HTTPMessages

/// The copy of the shop that is drilled: started by `./shop up`, looked at by `./shop status --json`.
struct Shop: Sendable {
  /// One process, as `status` tells it.
  struct Instance: Decodable, Sendable {
    let name: String
    let url: String
    let state: String
    let pid: Int32?

    var port: Int { Int(url.split(separator: ":").last ?? "") ?? 0 }
  }

  private struct Status: Decodable {
    let services: [Instance]
    let consul: Instance?
    /// The folder of the logs; what the supervisor reads is beside it.
    let logs: String
  }

  private struct SupervisorFile: Decodable {
    struct Process: Decodable { let pid: Int32 }
    let process: Process
  }

  /// Of `shopctl`.
  private let program: String
  private let portsFrom: Int
  let loopback: Loopback

  init(shopctl: String, portsFrom: Int, loopback: Loopback) {
    program = shopctl
    self.portsFrom = portsFrom
    self.loopback = loopback
  }

  var agent: Agent {
    get throws {
      guard let consul = try status().consul else { throw Trouble("this copy runs without Consul") }
      return Agent(port: consul.port, loopback: loopback)
    }
  }

  private func status() throws -> Status {
    guard
      let status = try? JSONDecoder().decode(Status.self, from: try shopctl(["status", "--json"]))
    else {
      throw Trouble("no shop runs here: ./shop up --ports-from \(portsFrom) --replicas user=3")
    }
    return status
  }

  /// What the tool prints.
  private func shopctl(_ arguments: [String]) throws -> Data {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments + ["--ports-from", "\(portsFrom)"]
    process.standardOutput = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return text
  }

  /// The instances of a service: "user" for user, user-2, user-3.
  func instances(of service: String) throws -> [Instance] {
    try status().services.filter { $0.name == service || $0.name.hasPrefix("\(service)-") }
  }

  var services: [Instance] { get throws { try status().services } }

  /// Ends a process behind the supervisor's back, which starts it again.
  func end(_ name: String, by signal: Int32 = SIGKILL) throws {
    let status = try status()
    let all = status.services + (status.consul.map { [$0] } ?? [])
    guard let pid = all.first(where: { $0.name == name })?.pid else {
      throw Trouble("\(name) does not run, so it cannot be ended")
    }
    kill(pid, signal)
  }

  /// Has the supervisor end the process, or start the ended one, without its pause.
  func restart(_ name: String) throws {
    let run = URL(filePath: try status().logs).deletingLastPathComponent().appending(path: "run")
    let supervisor = try JSONDecoder().decode(
      SupervisorFile.self, from: Data(contentsOf: run.appending(path: "supervisor.json")))
    try Data().write(to: run.appending(path: "\(name).restart"))
    kill(supervisor.process.pid, SIGHUP)
  }

  func isReady(_ instance: Instance) async -> Bool {
    await (try? loopback.send(.get, instance.port, "/health/ready", timeout: .seconds(1)))?.status
      == .ok
  }

  // MARK: Orders

  /// Fills the shelves, so that no order fails for want of stock.
  func stockUp(variant: Int, by units: Int) async throws {
    let staff = try await token("staff@shop.example", "staff-packs-parcels")
    let answer = try await loopback.send(
      .post, portsFrom + 1, "/variants/\(variant)/stock-adjustments",
      json: #"{"delta": \#(units), "reason": "received"}"#,
      fields: [
        (.authorization, "Bearer \(staff)"),
        (.idempotencyKey, "drill-\(UInt64.random(in: .min ... .max))"),
      ])
    guard answer.status.code == 201 else {
      throw Trouble("stock cannot be adjusted: \(answer.status.code) \(text(answer))")
    }
  }

  private func token(_ email: String, _ password: String) async throws -> String {
    struct Session: Decodable { let accessToken: String }
    let answer = try await loopback.send(
      .post, portsFrom + 3, "/sessions", json: #"{"email":"\#(email)","password":"\#(password)"}"#)
    return try JSONDecoder().decode(Session.self, from: Data(answer.body)).accessToken
  }

  /// Places a guest's order and waits for what becomes of it.
  ///
  /// - Returns: nil for an order that is confirmed, or that goes on; otherwise the refusal.
  func order(variant: Int) async -> String? {
    do {
      let answer = try await loopback.send(
        .post, portsFrom + 2, "/orders",
        json: """
          {"items": [{"variantId": \(variant), "quantity": 1}], "email": "drill@shop.example",
          "shippingAddress": {"name": "D. Rill", "line1": "1 High Street", "city": "Springfield",
          "postalCode": "12345", "country": "US"}, "paymentToken": "tok_ok"}
          """)
      return answer.status.code == 201 || answer.status.code == 202
        ? nil : "\(answer.status.code) \(text(answer))"
    } catch {
      return "\(error)"
    }
  }

  // MARK: What the administrator sees

  /// What the provider has charged.
  struct Charges {
    let count: Int
    /// The invariants that do not hold.
    let broken: [String]
  }

  /// Waits until nothing moves any more, and looks at all services' data and the provider's.
  func charges() async throws -> Charges {
    struct Report: Decodable {
      struct Result: Decodable {
        let id: String
        let title: String
        let rows: Int
        let verdict: String
      }
      let results: [Result]
    }
    let text = try shopctl(["verify", "--json", "--wait", "60"])
    let report = try JSONDecoder().decode(Report.self, from: text)
    let ofCharges = "the provider's charges are what the payments show"
    guard let rows = report.results.first(where: { $0.title == ofCharges })?.rows else {
      throw Trouble("no invariant speaks of charges")
    }
    return Charges(
      count: rows, broken: report.results.filter { $0.verdict == "violated" }.map(\.id))
  }

  /// - Parameter reason: nil puts the instance back.
  func setMaintenance(of instance: Instance, reason: String?) async throws {
    let admin = try await token("admin@shop.example", "admin-minds-the-shop")
    let answer = try await loopback.send(
      .put, instance.port, "/admin/maintenance",
      json: reason.map { #"{"enabled": true, "reason": "\#($0)"}"# } ?? #"{"enabled": false}"#,
      fields: [(.authorization, "Bearer \(admin)")])
    guard answer.status == .ok else {
      throw Trouble("no maintenance: \(answer.status.code) \(self.text(answer))")
    }
  }

  private struct Breaker: Decodable {
    let target: String
    let state: String
  }

  /// The targets whose circuit breaker in the order service is not closed.
  func openBreakers() async throws -> [String] {
    let admin = try await token("admin@shop.example", "admin-minds-the-shop")
    let answer = try await loopback.send(
      .get, portsFrom + 2, "/admin/circuit-breakers",
      fields: [(.authorization, "Bearer \(admin)")])
    return try JSONDecoder().decode([Breaker].self, from: Data(answer.body))
      .filter { $0.state != "closed" }.map(\.target)
  }

  private func text(_ answer: HTTPResponse) -> String {
    String(String(decoding: answer.body, as: UTF8.self).prefix(200))
  }
}
