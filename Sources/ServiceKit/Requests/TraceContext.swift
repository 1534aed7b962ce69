/// Where a piece of work belongs in a distributed trace (W3C Trace Context, level 1).
package struct TraceContext: Hashable, Sendable {
  /// 16 bytes as lower-case hex, not all zero.
  package let traceID: String
  /// This step: 8 bytes as lower-case hex.
  package let spanID: String
  package let isSampled: Bool

  package init(traceID: String, spanID: String, isSampled: Bool) {
    self.traceID = traceID
    self.spanID = spanID
    self.isSampled = isSampled
  }

  /// A trace of its own.
  package static func root() -> TraceContext {
    TraceContext(
      traceID: hex(UInt64.random(in: 1...UInt64.max)) + hex(UInt64.random(in: 0...UInt64.max)),
      spanID: hex(UInt64.random(in: 1...UInt64.max)), isSampled: true)
  }

  /// A further step of the same trace.
  package func child() -> TraceContext {
    TraceContext(
      traceID: traceID, spanID: hex(UInt64.random(in: 1...UInt64.max)), isSampled: isSampled)
  }

  /// Reads a `traceparent` field; nil for what the recommendation's section 3.2 does not allow.
  package init?(traceparent: String) {
    let utf8 = Array(traceparent.utf8)
    let dash = UInt8(ascii: "-")
    guard utf8.count >= 55, utf8[2] == dash, utf8[35] == dash, utf8[52] == dash,
      utf8[0..<2].allSatisfy(isLowerHex), utf8[3..<35].allSatisfy(isLowerHex),
      utf8[36..<52].allSatisfy(isLowerHex), utf8[53..<55].allSatisfy(isLowerHex)
    else { return nil }
    let version = String(decoding: utf8[0..<2], as: UTF8.self)
    // Version 00 ends here; a later one may go on behind a dash; ff is none.
    guard version != "ff", utf8.count == 55 || (version != "00" && utf8[55] == dash) else {
      return nil
    }
    traceID = String(decoding: utf8[3..<35], as: UTF8.self)
    spanID = String(decoding: utf8[36..<52], as: UTF8.self)
    guard traceID.contains(where: { $0 != "0" }), spanID.contains(where: { $0 != "0" }) else {
      return nil
    }
    isSampled = (UInt8(String(decoding: utf8[53..<55], as: UTF8.self), radix: 16) ?? 0) & 1 == 1
  }

  /// The value of a `traceparent` field.
  package var traceparent: String { "00-\(traceID)-\(spanID)-\(isSampled ? "01" : "00")" }
}

private func isLowerHex(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
}

private func hex(_ value: UInt64) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}
