/// The keys one service has: its own, and the public ones of its peers.
///
/// Services are named as their programs are (`order-service`); tokens and keys use the same name
/// everywhere but in claims, where `order-service` is `service:order`.
package struct ServiceKeys: Sendable {
  /// Whose keys these are: `order-service`.
  package let service: String
  /// Signs the tokens that this service shows its peers.
  package let signingKey: SigningKey
  /// By service name; two of one service while its key is changed.
  package let peers: [String: [VerifyingKey]]

  package init(service: String, signingKey: SigningKey, peers: [String: [VerifyingKey]]) {
    self.service = service
    self.signingKey = signingKey
    self.peers = peers
  }

  /// Reads `<service>.key` and `peers/*.pub` of a directory that `KeyFiles.create` made.
  ///
  /// - Throws: `KeyFailure` that names the file.
  package static func load(directory: String, service: String) throws(KeyFailure) -> ServiceKeys {
    let path = "\(directory)/\(service).key"
    let signingKey = try named(path) { () throws(KeyFailure) in
      try SigningKey(text: KeyFiles.text(of: path))
    }
    var peers: [String: [VerifyingKey]] = [:]
    for name in try KeyFiles.names(in: "\(directory)/peers", suffix: ".pub") {
      let path = "\(directory)/peers/\(name).pub"
      peers[name] = try named(path) { () throws(KeyFailure) in
        try verifyingKeys(in: KeyFiles.text(of: path))
      }
    }
    return ServiceKeys(service: service, signingKey: signingKey, peers: peers)
  }

  /// What `iss` and `aud` say of a service: `service:order` for `order-service`.
  static func claim(for service: String) -> String {
    let suffix = "-service"
    return "service:"
      + (service.hasSuffix(suffix) ? String(service.dropLast(suffix.count)) : service)
  }

  private static func named<Value>(
    _ path: String, _ body: () throws(KeyFailure) -> Value
  ) throws(KeyFailure) -> Value {
    do {
      return try body()
    } catch .unreadable(let expected) {
      throw .file(path: path, reason: "not \(expected)")
    }
  }

  /// One base64url line or any number of PEM blocks.
  private static func verifyingKeys(in text: String) throws(KeyFailure) -> [VerifyingKey] {
    let end = "-----END PUBLIC KEY-----"
    guard text.contains(end) else { return [try VerifyingKey(text: text)] }
    var keys: [VerifyingKey] = []
    var rest = text[...]
    while let range = rest.firstRange(of: end) {
      keys.append(try VerifyingKey(text: String(rest[..<range.upperBound])))
      rest = rest[range.upperBound...]
    }
    return keys
  }
}
