import CCurl
package import EventLoops

/// Hands mails to a mail server (RFC 5321), by libcurl on the event loops.
package struct SMTPClient: Sendable {
  /// How the connection is protected.
  package enum Security: Sendable {
    /// No TLS: for a mailbox on this machine.
    case none
    /// STARTTLS or `smtps://`, or the mail is not sent.
    case required
  }

  private let url: String
  private let user: String?
  private let password: String?
  private let security: Security
  private let tls: ClientTLS
  private let limits: ClientLimits
  private let curls: CurlLoops

  /// - Parameters:
  ///   - url: `smtp://host:port` or `smtps://host:port`.
  ///   - security: whether a connection without TLS is refused.
  ///   - limits: `exchangeTimeout` is for the whole of one mail.
  /// - Throws: `MailError.notSent` if the URL is neither.
  package init(
    url: String, user: String? = nil, password: String? = nil, security: Security = .required,
    tls: ClientTLS = .init(), limits: ClientLimits = .init(), group: EventLoopGroup
  ) throws(MailError) {
    guard url.hasPrefix("smtp://") || url.hasPrefix("smtps://"),
      url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), !url.contains("@")
    else { throw .notSent("the mail server's URL is not smtp://host:port") }
    self.url = url
    self.user = user
    self.password = password
    self.security = security
    self.tls = tls
    self.limits = limits
    curls = CurlLoops(group: group, limits: limits)
  }

  /// Sends one mail to its one recipient.
  ///
  /// - Throws: `MailError`; `CancellationError` as soon as the task is cancelled.
  package func send(_ mail: MailMessage) async throws {
    let text = try mail.mime()
    let client = self
    let transfer = CurlTransfer(
      limits: limits, timeout: limits.exchangeTimeout,
      configure: { transfer, easy in client.configure(transfer, easy, mail, text) },
      explain: { failure in MailError(failure) })
    do {
      _ = try await transfer.perform(on: curls)
    } catch HTTPClientError.notSent(let reason) {
      throw MailError.notSent("\(reason)")
    }
  }

  private func configure(
    _ transfer: CurlTransfer, _ easy: CurlHandle, _ mail: MailMessage, _ text: [UInt8]
  ) {
    transfer.speaksSMTP = true
    ccurl_set_string(easy, CURLOPT_URL, url)
    ccurl_set_string(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps")
    if let user, let password {
      ccurl_set_string(easy, CURLOPT_USERNAME, user)
      ccurl_set_string(easy, CURLOPT_PASSWORD, password)
    }
    switch security {
    case .none: ccurl_set_long(easy, CURLOPT_USE_SSL, Int(CURLUSESSL_NONE.rawValue))
    case .required: ccurl_set_long(easy, CURLOPT_USE_SSL, Int(CURLUSESSL_ALL.rawValue))
    }
    tls.configure(easy)
    ccurl_set_string(easy, CURLOPT_MAIL_FROM, "<\(mail.from.mailbox)>")
    transfer.setList(CURLOPT_MAIL_RCPT, ["<\(mail.to.mailbox)>"])
    transfer.setUpload(text)
  }
}

extension MailError {
  /// Tells from libcurl's result and the server's last refusal what became of the mail.
  init(_ failure: CurlFailure) {
    if (400..<600).contains(failure.reply.status) {
      self = .refused(code: failure.reply.status, reply: failure.reply.refusal)
    } else {
      self = failure.uploadBytes > 0 ? .maybeSent(failure.text) : .notSent(failure.text)
    }
  }
}
