import Foundation
import HTTPMessages
import TestSupport

@testable import shopctl

/// The five services as programs, with example products, on free ports of 127.0.0.1. They end with the
/// test process, or at `stop`.
final class RunningShop: Sendable {
  /// How long a busy machine may take to start all five.
  private static let readyWithin: Duration = .seconds(120)

  /// So that everything in play ends within seconds.
  static let hasty = [
    "PAYMENT_RECOVERY_AGE": "1s", "PAYMENT_WAIT_PACE": "1s", "SIMULATOR_SLOW_DELAY": "1s",
    "SIMULATOR_REFUND_DELAY": "1s", "LOG_LEVEL": "warning",
  ]

  let shop: MigratedShop
  private let programs: [TiedProgram]

  var site: Site { shop.site }
  var ports: Ports { shop.site.ports }

  /// - Parameter settings: what every service is told besides.
  init(settings: [String: String] = [:]) async throws {
    let free = try LoopbackPort.free(ServiceEntry.all.count)
    let ports = try Ports(
      from: nil, overrides: zip(ServiceEntry.all, free).map { "\($0.short)=\($1)" })
    let shop = try await MigratedShop(ports: ports)
    self.shop = shop
    try await shop.commands.seed(reset: false)
    let environment = try shop.site.environment()
    programs = try ServiceEntry.all.map { service in
      try TiedProgram(
        [try MigratedShop.programs.path(service), "serve"],
        environment: environment.serving(ServiceInstance(service: service, number: 1)).merging(
          settings
        ) { $1 },
        output: shop.logPath(service.short))
    }
    try await waitUntilReady()
  }

  func stop() {
    for program in programs { program.kill() }
  }

  private func waitUntilReady() async throws {
    let deadline = ContinuousClock.now + Self.readyWithin
    for service in ServiceEntry.all {
      while await LoopbackProbe.get("/health/ready", port: ports[service.short])?.status != .ok {
        guard ContinuousClock.now < deadline else {
          throw Trouble(
            "\(service.name) is not ready after \(Self.readyWithin).",
            evidence: LogTail.last(10, of: shop.logPath(service.short)))
        }
        await pause(.milliseconds(50))
      }
    }
  }
}
