import HTTPMessages
import Synchronization

/// Ids for requests that bring none.
final class RequestIDs: Sendable {
  private let last = Atomic<UInt64>(UInt64.random(in: 0...UInt64.max))

  /// The request's own id if it is 8 to 64 letters, digits and hyphens.
  func id(of request: HTTPRequest) -> String {
    if let given = request.fields[.requestID], (8...64).contains(given.utf8.count),
      given.utf8.allSatisfy({ HTTPToken.isAlphanumeric($0) || $0 == UInt8(ascii: "-") })
    {
      return given
    }
    return text(last.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue)
  }

  /// 16 hexadecimal digits.
  private func text(_ number: UInt64) -> String {
    String(unsafeUninitializedCapacity: 16) { digits in
      for place in 0..<16 {
        let digit = UInt8(truncatingIfNeeded: number >> UInt64(60 - place * 4)) & 0xF
        digits[place] = digit < 10 ? digit + UInt8(ascii: "0") : digit - 10 + UInt8(ascii: "a")
      }
      return 16
    }
  }
}
