package import HTTPMessages
package import SharedKernel

/// How one kind of failure is answered (RFC 9457).
package struct ProblemType: Sendable {
  /// Of the answer, and in its body.
  package let status: HTTPStatus
  /// Constant for the type; `detail` is what differs.
  package let title: String
}

extension FailureKind {
  /// The one table from kinds of failure to answers.
  package var problem: ProblemType {
    switch self {
    case .malformedRequest: ProblemType(400, "Malformed request")
    case .idempotencyKeyRequired: ProblemType(400, "Idempotency key required")
    case .unauthenticated: ProblemType(401, "Not signed in")
    case .tokenExpired: ProblemType(401, "Token expired")
    case .invalidCredentials: ProblemType(401, "Invalid credentials")
    case .paymentDeclined: ProblemType(402, "Payment declined")
    case .forbidden: ProblemType(403, "Forbidden")
    case .notFound: ProblemType(404, "Not found")
    case .methodNotAllowed: ProblemType(405, "Method not allowed")
    case .notAcceptable: ProblemType(406, "Not acceptable")
    case .idempotencyInProgress: ProblemType(409, "Request with this key in progress")
    case .insufficientStock: ProblemType(409, "Insufficient stock")
    case .priceChanged: ProblemType(409, "Price changed")
    case .invalidStateTransition: ProblemType(409, "Invalid state transition")
    case .operationInProgress: ProblemType(409, "Operation in progress")
    case .resourceInUse: ProblemType(409, "Resource in use")
    case .reservationClosed: ProblemType(409, "Reservation closed")
    case .paymentClosed: ProblemType(409, "Payment closed")
    case .refundExceedsCaptured: ProblemType(409, "Refund exceeds captured amount")
    case .overShipped: ProblemType(409, "More shipped than ordered")
    case .stockBelowReserved: ProblemType(409, "Stock below reserved")
    case .duplicateResource: ProblemType(409, "Duplicate resource")
    case .couponNotApplicable: ProblemType(409, "Coupon not applicable")
    case .cartNotOpen: ProblemType(409, "Cart not open")
    case .gone: ProblemType(410, "Gone")
    case .preconditionFailed: ProblemType(412, "Precondition failed")
    case .payloadTooLarge: ProblemType(413, "Payload too large")
    case .unsupportedMediaType: ProblemType(415, "Unsupported media type")
    case .validationFailed: ProblemType(422, "Validation failed")
    case .idempotencyKeyReused: ProblemType(422, "Idempotency key reused")
    case .cardDataForbidden: ProblemType(422, "Card data forbidden")
    case .preconditionRequired: ProblemType(428, "Precondition required")
    case .rateLimited: ProblemType(429, "Too many requests")
    case .headersTooLarge: ProblemType(431, "Headers too large")
    case .internal: ProblemType(500, "Internal error")
    case .dependencyUnavailable: ProblemType(503, "Dependency unavailable")
    case .circuitOpen: ProblemType(503, "Circuit open")
    case .deadlineExceeded: ProblemType(504, "Deadline exceeded")
    }
  }
}

extension ProblemType {
  fileprivate init(_ code: Int, _ title: String) {
    self.init(status: HTTPStatus(code), title: title)
  }
}
