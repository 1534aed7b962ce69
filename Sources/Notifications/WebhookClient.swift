import HTTPMessages
import ServiceKit
import SharedKernel

/// Posts deliveries to merchants' endpoints, signed.
struct WebhookClient: WebhookPoster {
  /// For one post, its answer included.
  static let timeout: Duration = .seconds(15)

  let client: OutwardClient
  let secrets: ServiceSecrets
  let rules: WebhookURL.Rules

  func post(_ delivery: DueWebhook) async throws -> WebhookAnswer {
    let url: WebhookURL
    let keys: [WebhookSecret]
    do {
      // Again: the settings may have become stricter since.
      url = try WebhookURL(delivery.url, rules: rules)
      keys = try delivery.secrets.map { sealed in
        WebhookSecret(bytes: try secrets.open(sealed, context: Self.context(delivery.endpointID)))
      }
    } catch {
      return WebhookAnswer(error: "\(error)")
    }
    let signature = WebhookSignature(
      id: delivery.eventID, at: .now(), body: delivery.body, secrets: keys,
      hmac: { hmacSHA256($0, key: $1) })
    var fields = HTTPFields()
    fields[.contentType] = "application/json"
    fields[.userAgent] = "shop-webhooks/1"
    fields["webhook-id"] = signature.id
    fields["webhook-timestamp"] = signature.timestamp
    fields["webhook-signature"] = signature.signatures
    do {
      let response = try await client.post(
        to: url.authority, isSecure: url.isSecure, target: url.target, fields: fields,
        body: Array(delivery.body.utf8), timeout: Self.timeout)
      return WebhookAnswer(response)
    } catch let failure as OutwardClient.Failure {
      return WebhookAnswer(error: failure.description)
    }
  }

  /// What a secret is sealed for.
  static func context(_ endpoint: ID<WebhookEndpoint>) -> String { "webhook:\(endpoint)" }
}

extension WebhookAnswer {
  /// 2xx takes it. A redirect does not: whoever may answer for the address could send it anywhere.
  init(_ response: HTTPResponse) {
    let code = response.status.code
    let text = String(
      decoding: response.body.prefix(WebhookDelivery.answerBytesMax), as: UTF8.self)
    self.init(
      status: code,
      // A cut character grows when it is replaced; PostgreSQL keeps no NUL.
      body: String(
        decoding: text.filter { $0 != "\0" }.utf8.prefix(WebhookDelivery.answerBytesMax),
        as: UTF8.self),
      error: (200..<300).contains(code) ? nil : "answered \(code)", isGone: code == 410)
  }
}
