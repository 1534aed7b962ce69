package import Logging
import SharedKernel

/// Writes each event as one JSON object on a line of its own: `time`, `level`, `service`, `message`,
/// then `error` and the metadata by key (api.md section 7.4). Forbidden keys are redacted
/// (`LogRedaction`), lines are bounded (`LogLine`).
package struct JSONLogHandler: LogHandler {
  /// Names that are the line's own; metadata of the same name gets a `_` in front.
  private static let ownKeys: Set<String> = [
    "time", "level", "service", "message", "error", "truncated",
  ]

  package var metadata: Logger.Metadata = [:]
  package var metadataProvider: Logger.MetadataProvider?
  /// Set for one logger alone; otherwise the level of all.
  package var logLevel: Logger.Level {
    get { ownLevel ?? commonLevel.current }
    set { ownLevel = newValue }
  }

  private let service: String
  private let commonLevel: LogLevel
  private let output: LogOutput
  private var ownLevel: Logger.Level?

  init(
    service: String, level: LogLevel, output: LogOutput = .standardOutput,
    metadataProvider: Logger.MetadataProvider? = nil
  ) {
    self.service = service
    self.metadataProvider = metadataProvider
    self.output = output
    commonLevel = level
  }

  package subscript(metadataKey key: String) -> Logger.MetadataValue? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var line = LogLine()
    line.begin(at: .now())
    line.add("level", text: event.level.rawValue)
    line.add("service", text: service)
    line.add("message", text: event.message.description, bytesMax: LogLine.messageBytesMax)
    if let error = event.error { line.add("error", text: String(describing: error)) }
    for (key, value) in merged(with: event).sorted(by: { $0.key < $1.key }) {
      line.add(Self.ownKeys.contains(key) ? "_" + key : key, value)
    }
    output.write(line.end())
  }
}

extension LogHandler {
  /// The logger's metadata, over it the provider's (the request at hand), over it the event's.
  func merged(with event: LogEvent) -> Logger.Metadata {
    var all = metadata
    if let provided = metadataProvider?.get(), !provided.isEmpty {
      all.merge(provided) { _, new in new }
    }
    if let own = event.metadata { all.merge(own) { _, new in new } }
    return all
  }
}
