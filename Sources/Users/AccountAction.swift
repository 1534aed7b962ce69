import SharedKernel

/// Something that whoever reads a mail may do once, by its link: confirm an address, choose a new
/// password. The link's token is made from the id by the service's key and stored nowhere.
struct AccountAction: Sendable {
  enum Kind: String, Sendable, CaseIterable {
    case verifyEmail = "verify_email"
    case resetPassword = "reset_password"

    /// How long its link is good.
    var life: Duration {
      switch self {
      case .verifyEmail: .seconds(7 * 24 * 3600)
      case .resetPassword: .seconds(3600)
      }
    }
  }

  let id: ID<AccountAction>
  let userID: UserID
  let kind: Kind
  let expiresAt: Timestamp
  let usedAt: Timestamp?

  func isOpen(at now: Timestamp) -> Bool { usedAt == nil && now < expiresAt }
}

/// The links that mails hold.
struct ActionLinks: Sendable {
  /// Where the shop's pages are: `https://shop.example`.
  let base: String
  /// Proves that an id's token is ours: 43 characters of base64url.
  let code: @Sendable (AccountAction.Kind, ID<AccountAction>) -> String
  let isRight: @Sendable (_ code: String, AccountAction.Kind, ID<AccountAction>) -> Bool

  func url(of action: AccountAction) -> String {
    let page =
      switch action.kind {
      case .verifyEmail: "verify-email"
      case .resetPassword: "reset-password"
      }
    return "\(base)/\(page)?token=\(action.id).\(code(action.kind, action.id))"
  }

  /// The action that a token is for.
  ///
  /// - Throws: `ValidationFailure` for what we never made.
  func action(
    of token: String, _ kind: AccountAction.Kind
  ) throws(ValidationFailure) -> ID<AccountAction> {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let id = ID<AccountAction>(String(parts[0])),
      isRight(String(parts[1]), kind, id)
    else { throw ValidationFailure("/token", "invalid", "is not from one of our mails") }
    return id
  }
}
