import CCurl
import Glibc

extension HTTPClientError {
  /// By which libcurl's own reading of a transfer's time may fall short of its limit.
  private static let timerTolerance: Duration = .milliseconds(5)

  /// Tells from libcurl's result, and from how far the transfer had come, what a repetition risks.
  init(_ failure: CurlFailure, timeout: Duration, responseBytesMax: Int) {
    let isSent = failure.requestBytes > 0
    switch failure.code {
    case CURLE_OPERATION_TIMEDOUT where failure.elapsed >= timeout - Self.timerTolerance:
      self = .timedOut(sent: isSent)
    case CURLE_OPERATION_TIMEDOUT:
      // Connecting has a shorter limit of its own. What had left before went by a connection that
      // broke, and libcurl was making another for it.
      self = isSent ? .maybeProcessed(failure.text) : .notSent(.connectTimedOut)
    case CURLE_COULDNT_CONNECT where failure.isAddressRefused:
      self = .notSent(.addressRefused)
    case CURLE_COULDNT_CONNECT where failure.isOfEndedListener,
      CURLE_SEND_ERROR where failure.isOfEndedListener && !isSent:
      self = .notSent(.connectionRefused)
    case CURLE_COULDNT_CONNECT:
      self = .notSent(.other(failure.text))
    case CURLE_COULDNT_RESOLVE_HOST:
      self = .notSent(.hostNotFound)
    case CURLE_SSL_CONNECT_ERROR:
      self = .notSent(.tlsFailed(failure.text))
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_ISSUER_ERROR, CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS:
      self = .untrusted(failure.text)
    case CURLE_URL_MALFORMAT:
      self = .badRequest(failure.text)
    // Afterwards it is the answer whose protocol is another.
    case CURLE_UNSUPPORTED_PROTOCOL where !isSent:
      self = .badRequest(failure.text)
    case CURLE_WRITE_ERROR where failure.isTooLarge:
      self = .answerTooLarge(bytesMax: responseBytesMax)
    default:
      self = isSent ? .maybeProcessed(failure.text) : .notSent(.other(failure.text))
    }
  }
}

extension CurlFailure {
  /// A listener that ends resets whom it has not accepted yet, before or after libcurl has seen the
  /// connection made: nobody listens there, either.
  fileprivate var isOfEndedListener: Bool {
    systemError == ECONNREFUSED || systemError == ECONNRESET || systemError == EPIPE
  }

  /// libcurl's words and the system's; they name no host and no content.
  var text: String {
    let text = CurlText.of(code)
    return systemError == 0 ? text : "\(text): \(String(cString: strerror(systemError)))"
  }
}
