import Foundation
import ServiceKit

/// The keys of the five services: made once, never shared, never committed.
///
/// `KeyFiles` makes them in `all/`; beside it each service has a folder with no more than its own
/// two files and the public keys of all, which is what its `KEYS_DIRECTORY` names:
///
///     all/                        every key
///     order-service/              order-service.key, order-service.secret, peers/*.pub
struct Keys: Sendable {
  let folder: String

  func folder(of service: ServiceEntry) -> String { "\(folder)/\(service.name)" }

  /// Makes what is missing, and brings the services' folders up to date.
  /// - Returns: how many files were new.
  @discardableResult
  func create() throws -> Int {
    let all = folder + "/all"
    do {
      try StateDirectory.makeFolder(folder, mode: 0o700)
      let made = try KeyFiles.create(in: all, services: ServiceEntry.all.map(\.name))
      for service in ServiceEntry.all {
        let own = folder(of: service)
        try StateDirectory.makeFolder(own, mode: 0o700)
        try StateDirectory.makeFolder(own + "/peers", mode: 0o700)
        for file in ["\(service.name).key", "\(service.name).secret"] {
          try copy("\(all)/\(file)", to: "\(own)/\(file)", mode: 0o600)
        }
        for peer in ServiceEntry.all {
          let file = "peers/\(peer.name).pub"
          try copy("\(all)/\(file)", to: "\(own)/\(file)", mode: 0o644)
        }
      }
      return made.count
    } catch let error as KeyFailure {
      throw Trouble(
        "the services' keys could not be made.", evidence: [error.description],
        next: ["Remove \(folder) to have new ones made; services must then be restarted."])
    }
  }

  private func copy(_ source: String, to target: String, mode: mode_t) throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: source))
    guard FileManager.default.contents(atPath: target) != bytes else { return }
    try PrivateFile.write(bytes, to: target, mode: mode)
  }
}
