import Foundation
import ServiceKit
import Testing

@Suite("Key files")
struct KeyFilesTests {
  private func withDirectory(_ body: (String) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "keys-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: directory) }  // Only tidies up.
    try body(directory)
  }

  private func mode(_ path: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return try #require(attributes[.posixPermissions] as? Int)
  }

  @Test("every service gets a key, a secret and a public key that others can read")
  func creates() throws {
    try withDirectory { directory in
      let made = try KeyFiles.create(in: directory, services: ["order-service", "user-service"])
      #expect(made.count == 6)
      #expect(try mode(directory) == 0o700)
      #expect(try mode("\(directory)/order-service.key") == 0o600)
      #expect(try mode("\(directory)/order-service.secret") == 0o600)
      #expect(try mode("\(directory)/peers/order-service.pub") == 0o644)
      let keys = try ServiceKeys.load(directory: directory, service: "order-service")
      #expect(keys.peers.keys.sorted() == ["order-service", "user-service"])
      #expect(keys.peers["order-service"]?.first?.id == keys.signingKey.verifyingKey.id)
      _ = try ServiceSecrets.load(directory: directory, service: "order-service")
    }
  }

  @Test("a second time nothing changes, and what is missing is made")
  func isIdempotent() throws {
    try withDirectory { directory in
      _ = try KeyFiles.create(in: directory, services: ["order-service"])
      let key = try Data(contentsOf: URL(filePath: "\(directory)/order-service.key"))
      #expect(try KeyFiles.create(in: directory, services: ["order-service"]).isEmpty)
      let publicPath = "\(directory)/peers/order-service.pub"
      try FileManager.default.removeItem(atPath: publicPath)
      #expect(try KeyFiles.create(in: directory, services: ["order-service"]) == [publicPath])
      #expect(try Data(contentsOf: URL(filePath: "\(directory)/order-service.key")) == key)
    }
  }

  @Test("no drafts are left behind")
  func drafts() throws {
    try withDirectory { directory in
      _ = try KeyFiles.create(in: directory, services: ["order-service"])
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
          == ["order-service.key", "order-service.secret", "peers"])
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: "\(directory)/peers")
          == ["order-service.pub"])
    }
  }

  @Test("two public keys of one service are both accepted")
  func twoKeys() throws {
    try withDirectory { directory in
      _ = try KeyFiles.create(in: directory, services: ["order-service"])
      let keys = [SigningKey.generate().verifyingKey, SigningKey.generate().verifyingKey]
      try keys.map(\.pem).joined(separator: "\n").write(
        toFile: "\(directory)/peers/order-service.pub", atomically: true, encoding: .utf8)
      let loaded = try ServiceKeys.load(directory: directory, service: "order-service")
      #expect(loaded.peers["order-service"]?.map(\.id) == keys.map(\.id))
    }
  }

  @Test("a missing or broken file is named")
  func failures() throws {
    try withDirectory { directory in
      let path = "\(directory)/order-service.key"
      #expect(throws: KeyFailure.file(path: path, reason: "No such file or directory")) {
        try ServiceKeys.load(directory: directory, service: "order-service")
      }
      _ = try KeyFiles.create(in: directory, services: ["order-service"])
      try "nonsense".write(toFile: path, atomically: true, encoding: .utf8)
      #expect {
        try ServiceKeys.load(directory: directory, service: "order-service")
      } throws: { "\($0)".hasPrefix("\(path): not an Ed25519") }
      let secretPath = "\(directory)/order-service.secret"
      try Data([1, 2, 3]).write(to: URL(filePath: secretPath))
      #expect(throws: KeyFailure.file(path: secretPath, reason: "not a secret of 32 bytes")) {
        try ServiceSecrets.load(directory: directory, service: "order-service")
      }
    }
  }

  @Test("a key is read from PEM and from base64url")
  func forms() throws {
    let key = SigningKey.generate()
    #expect(try SigningKey(text: key.pem).rawBytes == key.rawBytes)
    #expect(try SigningKey(text: "  \(key.pem)\n\n").rawBytes == key.rawBytes)
    #expect(try VerifyingKey(text: key.verifyingKey.pem).id == key.verifyingKey.id)
    #expect(throws: KeyFailure.self) { try VerifyingKey(rawBytes: [1, 2, 3]) }
    // RFC 8037 appendix A.2 and A.3: a public key and its thumbprint.
    let known = try VerifyingKey(text: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    #expect(known.id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
  }
}
