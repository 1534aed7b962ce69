import HTTPMessages
import ServiceKit
import SharedKernel

/// Reads what a provider tells by itself.
protocol NoticeReader: Sendable {
  /// The field that holds the signature.
  var signatureField: HTTPFieldName { get }
  /// Any of them may have signed: two while one is being changed.
  var secrets: [[UInt8]] { get }

  /// What an event says, once its signature was found good.
  ///
  /// - Throws: `ValidationFailure` for what is no event of this provider.
  func notice(in body: [UInt8]) throws -> ProviderNotice
}

/// The provider's webhook. 204 for everything that is signed and can be read, whether it changed
/// something or not: the provider is not to send it again.
struct NoticeRoutes {
  let payments: PaymentService
  let reader: any NoticeReader
  /// Is told of notices that were stored but not acted upon; for the log.
  let unsettled: @Sendable (ProviderNotice, ProviderNotice.Effect) -> Void

  func add(to routes: inout Routes) {
    routes.post("/webhooks/psp", access: .anyone) { try await receive($0) }
  }

  private func receive(_ call: Call) async throws -> HTTPResponse {
    let body = call.request.body
    guard let text = call.request.fields[reader.signatureField],
      let signature = WebhookSignature(text)
    else { throw Problem(.unauthenticated, "This needs the provider's signature.") }
    guard signature.isFresh(at: payments.now(), tolerance: payments.timings.noticeTolerance) else {
      throw Problem(.unauthenticated, "The signature is too old.")
    }
    guard isSigned(body, signature) else {
      throw Problem(.unauthenticated, "The signature is not the provider's.")
    }
    let notice = try reader.notice(in: body)
    let effect = try await payments.store.apply(notice)
    switch effect {
    case .unknownOperation, .otherAmount, .contradicts: unsettled(notice, effect)
    case .settled, .knownBefore, .repeated, .none: break
    }
    return HTTPResponse(.noContent)
  }

  private func isSigned(_ body: [UInt8], _ signature: WebhookSignature) -> Bool {
    let bytes = WebhookSignature.signedBytes(seconds: signature.seconds, body: body)
    return reader.secrets.contains { secret in
      let code = hexadecimal(hmacSHA256(bytes, key: secret))
      return signature.codes.contains { equalInConstantTime($0, code) }
    }
  }
}

extension WebhookSignature {
  /// The signature's text, as who sends a notice writes it.
  static func text(of body: [UInt8], at seconds: Int64, secret: [UInt8]) -> String {
    let code = hmacSHA256(signedBytes(seconds: seconds, body: body), key: secret)
    return "t=\(seconds),v1=\(hexadecimal(code))"
  }
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(
    decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
