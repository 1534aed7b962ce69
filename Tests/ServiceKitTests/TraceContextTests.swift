import ServiceKit
import Testing

@Suite("Trace context")
struct TraceContextTests {
  private static let trace = "0af7651916cd43dd8448eb211c80319c"
  private static let span = "b7ad6b7169203331"

  @Test("a traceparent is read and written as the recommendation has it")
  func good() throws {
    let field = "00-\(Self.trace)-\(Self.span)-01"
    let context = try #require(TraceContext(traceparent: field))
    #expect(context.traceID == Self.trace)
    #expect(context.spanID == Self.span)
    #expect(context.isSampled)
    #expect(context.traceparent == field)
  }

  @Test(
    "only the lowest flag tells of sampling, and a later version may go on behind a dash",
    arguments: [
      ("00-%-00", false), ("00-%-03", true), ("00-%-fe", false), ("01-%-01", true),
      ("cc-%-01-more", true),
    ])
  func flags(pattern: String, isSampled: Bool) {
    let field = pattern.replacing("%", with: "\(Self.trace)-\(Self.span)")
    #expect(TraceContext(traceparent: field)?.isSampled == isSampled)
  }

  @Test(
    "what is no traceparent is none",
    arguments: [
      "", "00", "00-%", "00-%-", "00-%-1", "00-%-01-more", "00-%-01x", "cc-%-01x", "ff-%-01",
      "0G-%-01", "00-%-0G", "00_%_01", " 00-%-01", "00-%-01 ",
    ])
  func bad(pattern: String) {
    let field = pattern.replacing("%", with: "\(Self.trace)-\(Self.span)")
    #expect(TraceContext(traceparent: field) == nil)
  }

  @Test("ids of zeros or of capitals are none")
  func ids() {
    let zeros = String(repeating: "0", count: 32)
    #expect(TraceContext(traceparent: "00-\(zeros)-\(Self.span)-01") == nil)
    #expect(TraceContext(traceparent: "00-\(Self.trace)-\(zeros.prefix(16))-01") == nil)
    #expect(TraceContext(traceparent: "00-\(Self.trace.uppercased())-\(Self.span)-01") == nil)
  }

  @Test("a further step stays in its trace; a root is one of its own")
  func steps() {
    let root = TraceContext.root()
    let child = root.child()
    #expect(child.traceID == root.traceID)
    #expect(child.spanID != root.spanID)
    #expect(TraceContext.root().traceID != root.traceID)
    #expect(TraceContext(traceparent: root.traceparent) == root)
  }
}
