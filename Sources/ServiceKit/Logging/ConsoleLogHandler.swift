import Logging
import SharedKernel

/// Writes events for a person at a terminal: `10:15:30.123 INFO  order  message key=value`.
struct ConsoleLogHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  var logLevel: Logger.Level {
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

  subscript(metadataKey key: String) -> Logger.MetadataValue? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let time = Timestamp.now().description.dropFirst(11).dropLast()
    let level = event.level.rawValue.uppercased()
    let padding = String(repeating: " ", count: max(0, 8 - level.count))
    var line = "\(dim)\(time)\(plain) \(color(of: event.level))\(level)\(plain)\(padding) "
    line += "\(service)  \(printable(event.message.description))"
    for (key, value) in merged(with: event).sorted(by: { $0.key < $1.key }) {
      let shown = LogRedaction.forbids(key) ? LogRedaction.replacement : value.description
      line += " \(dim)\(printable(key))=\(plain)\(printable(shown))"
    }
    if let error = event.error {
      line += " \(dim)error=\(plain)\(printable(String(describing: error)))"
    }
    output.write(Array(line.utf8.prefix(LogLine.bytesMax)) + [UInt8(ascii: "\n")])
  }

  private func color(of level: Logger.Level) -> String {
    switch level {
    case .trace, .debug: dim
    case .info, .notice: "\u{1B}[32m"
    case .warning: "\u{1B}[33m"
    case .error, .critical: "\u{1B}[31m"
    }
  }
}

private let dim = "\u{1B}[2m"
private let plain = "\u{1B}[0m"

/// Without control characters: a stranger's text must not steer the terminal.
private func printable(_ text: String) -> String {
  var scalars = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
    scalars.append(isControl ? "\u{FFFD}" : scalar)
  }
  return String(scalars)
}
