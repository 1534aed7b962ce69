import Foundation
import Testing

@testable import shopctl

struct StateDirectoryTests {
  private static func state(_ checkout: String, from: Int? = nil, isRoot: Bool = true) -> String {
    StateDirectory(
      checkout: checkout, portsFrom: from, dataDirectory: nil,
      environment: ["HOME": "/home/alice"], isRoot: isRoot
    ).path
  }

  @Test("two checkouts, and two copies of one, never share a folder")
  func apart() {
    let paths = [
      Self.state("/a/shop"), Self.state("/b/shop"), Self.state("/a/shop", from: 20000),
      Self.state("/a/shop", from: 21000),
    ]
    #expect(Set(paths).count == 4)
    #expect(Self.state("/a/shop") == paths[0])
  }

  @Test("root keeps it below /var/lib/shop, others below their state folder")
  func places() {
    #expect(Self.state("/a/shop").hasPrefix("/var/lib/shop/shop-"))
    #expect(
      Self.state("/a/shop", isRoot: false).hasPrefix("/home/alice/.local/state/shop/shop-"))
  }

  @Test("the folders with secrets are for the owner alone")
  func modes() throws {
    let temporary = try TemporaryState()
    for folder in ["run", "logs", "keys", "secrets"] {
      let facts = try FileManager.default.attributesOfItem(
        atPath: "\(temporary.state.path)/\(folder)")
      #expect(facts[.posixPermissions] as? Int == 0o700)
    }
  }

  @Test("a second lock on the same folder names the holder of the first")
  func locked() throws {
    let temporary = try TemporaryState()
    let lock = try StateLock(temporary.state)
    let trouble = #expect(throws: Trouble.self) { _ = try StateLock(temporary.state) }
    #expect(trouble?.cause.contains("pid \(getpid())") ?? false)
    withExtendedLifetime(lock) {}
  }

  @Test("passwords are made once, and readable by their owner alone")
  func passwords() throws {
    let temporary = try TemporaryState()
    let path = temporary.state.passwordsPath
    let first = try DatabasePasswords.open(at: path, roles: ["a", "b"])
    let second = try DatabasePasswords.open(at: path, roles: ["a", "b", "c"])
    #expect(first["a"] == second["a"])
    #expect(Set([second["a"], second["b"], second["c"]]).count == 3)
    #expect(second["c"].count == 32)
    let facts = try FileManager.default.attributesOfItem(atPath: path)
    #expect(facts[.posixPermissions] as? Int == 0o600)
  }
}
