import HTTPMessages
import ServiceKit
import SharedKernel

/// The simulator's way to the merchant's webhook, and the merchant's reading of its events.
struct SimulatorNoticeClient: NoticeReader {
  private static let answerWithin: Duration = .seconds(5)

  let http: any HTTPHandler
  /// `host:port` of the webhook.
  let authority: String
  let secret: [UInt8]

  var signatureField: HTTPFieldName { "Psp-Signature" }
  var secrets: [[UInt8]] { [secret] }

  func send(_ notice: SimulatorNotice, at now: Timestamp) async throws {
    let body = try JSONEncoding.encode(notice)
    var request = HTTPRequest(.post, "/webhooks/psp", body: body)
    request.authority = authority
    request.timeout = Self.answerWithin
    request.fields[.contentType] = "application/json"
    request.fields[signatureField] = WebhookSignature.text(
      of: body, at: now.seconds, secret: secret)
    let answer = try await http.handle(request)
    guard (200..<300).contains(answer.status.code) else {
      throw GatewayError.unavailable("the webhook answered \(answer.status.code)")
    }
  }

  func notice(in body: [UInt8]) throws -> ProviderNotice {
    let event: SimulatorNotice
    do {
      event = try JSONDecoding.decode(SimulatorNotice.self, from: body)
    } catch {
      throw ValidationFailure("", "invalid", "is no event of the simulator")
    }
    return ProviderNotice(
      provider: SimulatorNotice.provider, eventID: event.id.description,
      news: event.answer.map {
        ProviderNotice.News(operation: event.operation, answer: $0, amount: event.amount)
      }, payload: String(decoding: body, as: UTF8.self))
  }
}
