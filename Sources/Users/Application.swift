import CoreHTTP
package import Postgres
package import ServiceKit
import SharedKernel
import Synchronization

/// The user service: accounts, sessions, and the keys that sign users' tokens.
package struct UserApplication: ShopService {
  package static let identity = ServiceIdentity(
    name: "user-service", short: "user", schema: "users", port: 8083)
  package static let migrations = userMigrations
  package static let openAPI = PackageResources.openapi_yaml

  private let context: ServiceContext
  private let keys: SigningKeyRepository

  /// SHOP_URL: where the links of mails lead.
  private let linkBase: String

  package init(_ context: ServiceContext) throws {
    self.context = context
    linkBase = try context.settings.reading { reader in
      reader.parsed("SHOP_URL", expected: "an address such as https://shop.example") { text in
        text.hasPrefix("https://") || text.hasPrefix("http://")
          ? String(text.reversed().drop { $0 == "/" }.reversed()) : nil
      } ?? "http://localhost:8080"
    }
    keys = SigningKeyRepository(database: context.database, secrets: context.secrets)
  }

  package func addRoutes(to routes: inout Routes) {
    let outbox = context.outbox
    let users = UserRepository(runner: context.database, outbox: outbox)
    let database = context.database
    let limits = AttemptLimits(
      store: AttemptRepository(database: database),
      refused: { account in
        _ = try await database.transaction { transaction in
          try await AccountRepository(runner: transaction, outbox: outbox).lock(
            account, after: AttemptLimits.perAccountMax, within: AttemptLimits.window)
        }
      })
    let hashPassword = { @Sendable (password: NewPassword) in
      try await orBusy { try await PasswordHash.make(of: password.text).text }
    }
    UserRoutes(
      service: UserService(store: users), limits: limits,
      within: { UserService(store: UserRepository(runner: $0.transaction, outbox: outbox)) },
      hashPassword: hashPassword
    ).add(to: &routes)
    AddressRoutes(
      store: AddressRepository(runner: context.database),
      within: { AddressRepository(runner: $0.transaction) }
    ).add(to: &routes)
    let keys = keys
    let cryptography = Cryptography(keys: keys, secrets: context.secrets)
    SessionRoutes(
      service: SessionService(
        users: users, store: SessionRepository(database: database, outbox: outbox),
        limits: limits, cryptography: cryptography),
      keySet: { try await keys.keySet() }
    ).add(to: &routes)
    let secrets = context.secrets
    AccountRoutes(
      store: AccountRepository(runner: database, outbox: outbox),
      within: {
        AccountService(store: AccountRepository(runner: $0.transaction, outbox: outbox))
      },
      links: ActionLinks(
        base: linkBase,
        code: { secrets.accessToken(kind: $0.tokenKind, id: "\($1)") },
        isRight: { secrets.isValid($0, kind: $1.tokenKind, id: "\($2)") }),
      limits: limits, cryptography: cryptography, hashPassword: hashPassword
    ).add(to: &routes)
  }

  package var userKeySet: (@Sendable () async throws -> [UInt8])? {
    let keys = keys
    return { try await keys.keySet() }
  }

  package var workers: [Worker] {
    let attempts = AttemptRepository(database: context.database)
    let keys = keys
    return [
      Worker("signing-key") { _ = try await keys.current() },
      context.singleton("login-attempt-purge") {
        while true {
          try await attempts.purge()
          try await Task.sleep(for: .seconds(3600))
        }
      },
    ]
  }

  package static let tablesKept = ["signing_keys"]

  package static func seed(_ database: Database) async throws {
    try await UserSeedRepository(database: database).run()
  }
}

extension AccountAction.Kind {
  /// What tells its tokens from all others that the service makes.
  fileprivate var tokenKind: String { "action-\(rawValue)" }
}

/// Says when to come back, if as many passwords are being hashed as may be.
private func orBusy<Value>(_ hash: () async throws -> Value) async throws -> Value {
  do {
    return try await hash()
  } catch PasswordHashFailure.busy {
    throw UserError.busy
  }
}

/// libsodium, the key in the database and the service's secret, behind what the domain asks for.
private final class Cryptography: SessionCryptography {
  /// How long a key is used before the database is asked again for a newer one.
  private static let keyAge: Duration = .seconds(60)

  private let keys: SigningKeyRepository
  private let secrets: ServiceSecrets
  private let signer = Mutex<(signer: UserTokenSigner, readAt: ContinuousClock.Instant)?>(nil)

  init(keys: SigningKeyRepository, secrets: ServiceSecrets) {
    self.keys = keys
    self.secrets = secrets
  }

  func isRight(_ password: String, for hash: String?) async throws -> Bool {
    try await orBusy {
      try await PasswordHash.verify(password, against: hash.map(PasswordHash.init(text:)))
    }
  }

  func strongerHash(of password: String, than hash: String) async throws -> String? {
    guard PasswordHash(text: hash).needsRehash else { return nil }
    return try await orBusy { try await PasswordHash.make(of: password).text }
  }

  /// `session.random.code`: the code proves that the token is ours without a look at the database.
  func newRefreshToken(for session: UUID128) -> String {
    let body = "\(session).\(Base64URL.encode(randomBytes(32)))"
    return "\(body).\(secrets.accessToken(kind: Self.refreshKind, id: body))"
  }

  func session(ofRefreshToken token: String) -> UUID128? {
    guard let dot = token.lastIndex(of: "."),
      secrets.isValid(
        String(token[token.index(after: dot)...]), kind: Self.refreshKind, id: String(token[..<dot])
      )
    else { return nil }
    return UUID128(String(token.prefix { $0 != "." }))
  }

  private static let refreshKind = "refresh"

  func hash(ofToken token: String) -> [UInt8] { sha256(Array(token.utf8)) }

  func accessToken(
    for user: User, session: UUID128
  ) async throws -> (token: String, life: Duration) {
    let token = try await currentSigner().sign(user: user.id, role: user.role, session: session)
    return (token, UserTokenSigner.life)
  }

  private func currentSigner() async throws -> UserTokenSigner {
    if let known = signer.withLock({ $0 }), known.readAt.duration(to: .now) < Self.keyAge {
      return known.signer
    }
    let made = UserTokenSigner(key: try await keys.current())
    signer.withLock { $0 = (made, .now) }
    return made
  }
}
