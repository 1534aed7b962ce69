/// What kind of refusal an error is, in the words of the contract. The raw value is the last part
/// of the problem type; the status and the title belong to the table that turns kinds into answers.
package enum FailureKind: String, Sendable, CaseIterable {
  case malformedRequest = "malformed-request"
  case idempotencyKeyRequired = "idempotency-key-required"
  case unauthenticated
  case tokenExpired = "token-expired"
  case invalidCredentials = "invalid-credentials"
  case paymentDeclined = "payment-declined"
  case forbidden
  case notFound = "not-found"
  case methodNotAllowed = "method-not-allowed"
  case notAcceptable = "not-acceptable"
  case idempotencyInProgress = "idempotency-in-progress"
  case insufficientStock = "insufficient-stock"
  case priceChanged = "price-changed"
  case invalidStateTransition = "invalid-state-transition"
  case operationInProgress = "operation-in-progress"
  case resourceInUse = "resource-in-use"
  case reservationClosed = "reservation-closed"
  case paymentClosed = "payment-closed"
  case refundExceedsCaptured = "refund-exceeds-captured"
  case overShipped = "over-shipped"
  case stockBelowReserved = "stock-below-reserved"
  case duplicateResource = "duplicate-resource"
  case couponNotApplicable = "coupon-not-applicable"
  case cartNotOpen = "cart-not-open"
  case gone
  case preconditionFailed = "precondition-failed"
  case preconditionRequired = "precondition-required"
  case payloadTooLarge = "payload-too-large"
  case unsupportedMediaType = "unsupported-media-type"
  case validationFailed = "validation-failed"
  case idempotencyKeyReused = "idempotency-key-reused"
  case headersTooLarge = "headers-too-large"
  case cardDataForbidden = "card-data-forbidden"
  case rateLimited = "rate-limited"
  case `internal`
  case dependencyUnavailable = "dependency-unavailable"
  case circuitOpen = "circuit-open"
  case deadlineExceeded = "deadline-exceeded"
}

/// An error that a caller may see: it says what kind of refusal it is, in its own layer's words.
package protocol Failure: Error {
  var kind: FailureKind { get }
  /// One sentence for a person. Never a secret, never SQL.
  var detail: String { get }
  /// Further members of the answer, for programs: `available`, `from`, `to`.
  var members: [String: FailureValue] { get }
  /// What is wrong with which part of the input.
  var faults: [Fault] { get }
}

extension Failure {
  package var members: [String: FailureValue] { [:] }
  package var faults: [Fault] { [] }
}

/// One thing wrong with one part of the input.
package struct Fault: Hashable, Sendable {
  /// JSON pointer (RFC 6901) into the body, or the name of a query parameter.
  package let pointer: String
  /// For programs: `required`, `out_of_range`, `insufficient_stock`.
  package let code: String
  /// For people; empty when the code says it all.
  package let detail: String
  package let members: [String: FailureValue]

  package init(
    _ pointer: String, _ code: String, _ detail: String = "", members: [String: FailureValue] = [:]
  ) {
    self.pointer = pointer
    self.code = code
    self.detail = detail
    self.members = members
  }
}

/// A value of an error's further members.
package enum FailureValue: Hashable, Sendable, Encodable, ExpressibleByStringLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral
{
  case text(String)
  case number(Int64)
  case money(Money)
  case list([FailureValue])

  package init(stringLiteral value: String) {
    self = .text(value)
  }

  package init(integerLiteral value: Int64) {
    self = .number(value)
  }

  package init(arrayLiteral elements: FailureValue...) {
    self = .list(elements)
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .text(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .money(let value): try container.encode(value)
    case .list(let value): try container.encode(value)
    }
  }
}

/// Input that is well-formed but not acceptable: every fault that was found, not only the first.
package struct ValidationFailure: Failure {
  package let faults: [Fault]

  package init(_ faults: [Fault]) {
    self.faults = faults
  }

  package init(_ pointer: String, _ code: String, _ detail: String = "") {
    faults = [Fault(pointer, code, detail)]
  }

  package var kind: FailureKind { .validationFailed }
  package var detail: String {
    let first = faults.first.map { "\($0.pointer): \($0.detail.isEmpty ? $0.code : $0.detail)" }
    return faults.count > 1 ? "\(first ?? "") (and \(faults.count - 1) more)" : first ?? ""
  }
}

/// Collects the faults of one input, then throws them together.
package struct Validation {
  package private(set) var faults: [Fault] = []

  package init() {}

  /// Notes a fault unless `condition` holds.
  package mutating func require(
    _ condition: Bool, _ pointer: String, _ code: String, _ detail: @autoclosure () -> String = ""
  ) {
    if !condition { faults.append(Fault(pointer, code, detail())) }
  }

  /// Notes a fault unless the text has so many Unicode scalars and no control characters.
  package mutating func requireText(_ text: String, _ pointer: String, length: ClosedRange<Int>) {
    let scalars = text.unicodeScalars
    if !length.contains(scalars.count) {
      faults.append(
        Fault(
          pointer, "length", "must have \(length.lowerBound) to \(length.upperBound) characters"))
    } else if scalars.contains(where: { $0.value < 0x20 && $0 != "\n" && $0 != "\t" }) {
      faults.append(Fault(pointer, "control_characters", "must not hold control characters"))
    }
  }

  /// - Throws: `ValidationFailure` if there is a fault.
  package func finish() throws(ValidationFailure) {
    if !faults.isEmpty { throw ValidationFailure(faults) }
  }
}

/// There is no such thing, or it is not the caller's: the answer is the same, so that ids cannot be
/// probed.
package struct NotFound: Failure {
  package let what: String

  package init(_ what: String) {
    self.what = what
  }

  package var kind: FailureKind { .notFound }
  package var detail: String { "There is no such \(what)." }
}
