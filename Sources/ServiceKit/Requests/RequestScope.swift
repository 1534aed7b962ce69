package import Logging

/// What goes with a piece of work wherever it leads: its id and its trace. Outgoing calls, events and
/// log lines take it from the task; the time that is left is Resilience's `Deadline.current`.
package struct RequestScope: Sendable {
  /// A request's own (`Call.requestID`), or that of background work.
  package let requestID: String
  /// This step of the trace: outgoing calls are its children.
  package let trace: TraceContext

  package init(requestID: String, trace: TraceContext) {
    self.requestID = requestID
    self.trace = trace
  }

  /// Of the task that runs; nil where nobody set one, as in most workers.
  @TaskLocal package static var current: RequestScope?

  /// The present request's ids, for every log line written on its behalf.
  package static let metadataProvider = Logger.MetadataProvider {
    guard let scope = current else { return [:] }
    return [
      "requestId": "\(scope.requestID)", "traceId": "\(scope.trace.traceID)",
      "spanId": "\(scope.trace.spanID)",
    ]
  }
}
