import SharedKernel

/// Where a piece of work belongs in a distributed trace (W3C Trace Context, level 1).
package struct TraceContext: Hashable, Sendable {
  /// 16 bytes, not all zero.
  private let trace: UUID128
  /// This step: 8 bytes, not all zero.
  private let span: UInt64
  /// Whether the caller may have recorded it; only passed on. True for a trace begun here.
  package let isSampled: Bool

  private init(trace: UUID128, span: UInt64, isSampled: Bool) {
    self.trace = trace
    self.span = span
    self.isSampled = isSampled
  }

  /// A trace of its own.
  package static func root() -> TraceContext {
    var random = BufferedRandom()
    return TraceContext(
      trace: UUID128(high: random.next() | 1, low: random.next()), span: random.next() | 1,
      isSampled: true)
  }

  /// A further step of the same trace.
  package func child() -> TraceContext {
    var random = BufferedRandom()
    return TraceContext(trace: trace, span: random.next() | 1, isSampled: isSampled)
  }

  /// Reads a `traceparent` field; nil for what the recommendation's section 3.2 does not allow.
  package init?(traceparent: String) {
    let utf8 = Array(traceparent.utf8)
    let dash = UInt8(ascii: "-")
    guard utf8.count >= 55, utf8[2] == dash, utf8[35] == dash, utf8[52] == dash,
      let version = number(utf8[0..<2]), let high = number(utf8[3..<19]),
      let low = number(utf8[19..<35]), let span = number(utf8[36..<52]),
      let flags = number(utf8[53..<55])
    else { return nil }
    // Version 00 ends here; a later one may go on behind a dash; ff is none.
    guard version != 0xFF, utf8.count == 55 || (version != 0 && utf8[55] == dash),
      high | low != 0, span != 0
    else { return nil }
    self.init(trace: UUID128(high: high, low: low), span: span, isSampled: flags & 1 == 1)
  }

  /// In lower-case hex.
  package var traceID: String { hex(trace.high) + hex(trace.low) }

  /// In lower-case hex.
  package var spanID: String { hex(span) }

  /// The value of a `traceparent` field.
  package var traceparent: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }
}

/// Lower-case hex; nil for anything else.
private func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
  var value: UInt64 = 0
  for digit in digits {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(digit - 0x30)
    case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(digit - 0x61 + 10)
    default: return nil
    }
  }
  return value
}

private func hex(_ value: UInt64) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}
