package import HTTPMessages
import JSONSyntax
package import SharedKernel

/// The address that problem types share; the last part is `FailureKind.rawValue`.
package let problemTypeBase = "https://errors.shop.example/"

/// A failure that came up above the domain: in the request itself, or on the way to a peer.
package struct Problem: Failure {
  package let kind: FailureKind
  package let detail: String
  package let members: [String: FailureValue]
  package let faults: [Fault]
  /// Sent as `Retry-After`, rounded up to seconds.
  package let retryAfter: Duration?

  package init(
    _ kind: FailureKind, _ detail: String, members: [String: FailureValue] = [:],
    faults: [Fault] = [], retryAfter: Duration? = nil
  ) {
    self.kind = kind
    self.detail = detail
    self.members = members
    self.faults = faults
    self.retryAfter = retryAfter
  }
}

/// A failure that the caller may try again after a while.
package protocol RetryableFailure: Failure {
  /// How long to wait; sent as `Retry-After`, rounded up to seconds. nil says nothing of it.
  var retryAfter: Duration? { get }
}

extension Problem: RetryableFailure {}

extension HTTPResponse {
  /// A failure as `application/problem+json` (RFC 9457).
  package static func problem(
    _ failure: any Failure, instance: String, requestID: String
  ) -> HTTPResponse {
    let type = failure.kind.problem
    var json = JSONWriter(capacity: 512)
    json.beginObject()
    json.name("type")
    json.text(problemTypeBase + failure.kind.rawValue)
    json.name("title")
    json.text(type.title)
    json.name("status")
    json.integer(type.status.code)
    json.name("detail")
    json.text(failure.detail)
    json.name("instance")
    json.text(instance)
    json.name("requestId")
    json.text(requestID)
    json.members(failure.members)
    if !failure.faults.isEmpty {
      json.name("errors")
      json.beginArray()
      for fault in failure.faults { json.fault(fault) }
      json.endArray()
    }
    json.endObject()
    var response = HTTPResponse(type.status, body: json.bytes)
    response.fields[.contentType] = "application/problem+json"
    if type.status.code == 401 {
      let error = failure.kind == .tokenExpired ? ", error=\"invalid_token\"" : ""
      response.fields[.wwwAuthenticate] = "Bearer realm=\"shop\"\(error)"
    }
    if let wait = (failure as? any RetryableFailure)?.retryAfter {
      response.fields[.retryAfter] = String(wholeSeconds(roundingUp: wait))
    }
    return response
  }
}

func wholeSeconds(roundingUp duration: Duration) -> Int64 {
  max(0, duration.components.seconds + (duration.components.attoseconds > 0 ? 1 : 0))
}

extension JSONWriter {
  fileprivate mutating func fault(_ fault: Fault) {
    beginObject()
    name("pointer")
    text(fault.pointer)
    name("code")
    text(fault.code)
    if !fault.detail.isEmpty {
      name("detail")
      text(fault.detail)
    }
    members(fault.members)
    endObject()
  }

  fileprivate mutating func members(_ members: [String: FailureValue]) {
    for (key, value) in members.sorted(by: { $0.key < $1.key }) {
      name(key)
      write(value)
    }
  }

  fileprivate mutating func write(_ value: FailureValue) {
    switch value {
    case .text(let text): self.text(text)
    case .number(let number): integer(number)
    case .list(let values):
      beginArray()
      for value in values { write(value) }
      endArray()
    case .money(let money):
      beginObject()
      name("amount")
      integer(money.minorUnits)
      name("currency")
      text(money.currency.code)
      endObject()
    }
  }
}
