import Foundation
import Logging
import Testing

@testable import ServiceKit

@Suite("JSON log lines")
struct JSONLogHandlerTests {
  /// Logs once and returns what was written.
  private func line(
    level: Logger.Level = .trace, _ body: (Logger) -> Void,
    provider: Logger.MetadataProvider? = nil
  ) throws -> [UInt8] {
    let pipe = Pipe()
    let output = LogOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor)
    let handler = JSONLogHandler(
      service: "order-service", level: LogLevel(level), output: output, metadataProvider: provider)
    body(Logger(label: "test", factory: { _ in handler }))
    try pipe.fileHandleForWriting.close()
    return Array(try pipe.fileHandleForReading.readToEnd() ?? Data())
  }

  private func object(_ line: [UInt8]) throws -> [String: Any] {
    #expect(line.last == UInt8(ascii: "\n"))
    #expect(line.count(where: { $0 == UInt8(ascii: "\n") }) == 1)
    #expect(line.count <= LogLine.bytesMax)
    return try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
  }

  @Test("a line has time, level, service, message and the fields")
  func fields() throws {
    let line = try line { logger in
      logger.info(
        "order placed",
        metadata: ["orderId": "42", "lines": "\(3)", "total": .stringConvertible(100)])
    }
    let object = try object(line)
    #expect(object["level"] as? String == "info")
    #expect(object["service"] as? String == "order-service")
    #expect(object["message"] as? String == "order placed")
    #expect(object["orderId"] as? String == "42")
    #expect(object["total"] as? Int == 100)
    let time = try #require(object["time"] as? String)
    #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
    #expect(String(decoding: line, as: UTF8.self).hasPrefix(#"{"time":""#))
  }

  @Test(
    "whatever is logged, the line is one JSON object",
    arguments: [
      "", "\"", "\\", "\"}\n{\"level\":\"error\"", "\u{0}\u{1}\u{1F}\u{7F}", "\r\n\t",
      "\u{2028}\u{2029}", "🛒é\u{301}", "\u{FFFF}", "\u{1B}[31m",
      String(repeating: "\"", count: 10_000), String(repeating: "🛒", count: 5000),
      String(repeating: "\u{0}", count: 5000),
    ])
  func hostileText(text: String) throws {
    let line = try line { logger in
      logger.error(
        "\(text)",
        metadata: [
          text: "\(text)", "list": [.string(text), [.string(text)]],
          "object": [text: .string(text)], "path": .string(text),
        ])
    }
    let object = try object(line)
    #expect(object["level"] as? String == "error")
    let message = try #require(object["message"] as? String)
    #expect(object["truncated"] == nil ? message == text : text.hasPrefix(message))
  }

  @Test("long values are cut at a character, and the line says so")
  func truncation() throws {
    let object = try object(
      try line { $0.info("\(String(repeating: "é", count: 1500))x", metadata: ["a": "b"]) })
    #expect(object["message"] as? String == String(repeating: "é", count: 1024))
    #expect(object["truncated"] as? Bool == true)
    #expect(object["a"] as? String == "b")
  }

  @Test("too many fields are left out, not the end of the line")
  func manyFields() throws {
    var metadata: Logger.Metadata = [:]
    for index in 0..<500 { metadata["key\(index)"] = "\(String(repeating: "v", count: 50))" }
    let deep = (0..<50).reduce(Logger.MetadataValue.string("x")) { value, _ in [value] }
    metadata["0deep"] = deep
    let object = try object(try line { $0.info("many", metadata: metadata) })
    #expect(object["truncated"] as? Bool == true)
    #expect(object.count > 20)
  }

  @Test("secrets and addresses are redacted by their key, at any depth")
  func redaction() throws {
    let keys = [
      "password", "newPassword", "access_token", "Authorization", "client-secret", "email",
      "customerEmail", "Set-Cookie", "idempotencyKey", "DATABASE_URL", "phone",
    ]
    let inner = Dictionary(uniqueKeysWithValues: keys.map { ($0, Logger.MetadataValue("hunter2")) })
    let line = try line { logger in
      var metadata = inner
      metadata["nested"] = [.dictionary(["deeper": .dictionary(inner)])]
      metadata["orderId"] = "42"
      logger.info("signed in", metadata: metadata)
    }
    let object = try object(line)
    for key in keys { #expect(object[key] as? String == "<redacted>", "\(key)") }
    #expect(object["orderId"] as? String == "42")
    #expect(!String(decoding: line, as: UTF8.self).contains("hunter2"))
  }

  @Test("metadata of the logger, the provider and the event are joined, the later winning")
  func metadataOrder() throws {
    let provider = Logger.MetadataProvider { ["traceId": "t", "both": "provider"] }
    let line = try line(
      { logger in
        var logger = logger
        logger[metadataKey: "both"] = "logger"
        logger[metadataKey: "own"] = "logger"
        logger.info("m", metadata: ["own": "event"])
      }, provider: provider)
    let object = try object(line)
    #expect(object["traceId"] as? String == "t")
    #expect(object["both"] as? String == "provider")
    #expect(object["own"] as? String == "event")
  }

  @Test("metadata does not take the place of the line's own members")
  func ownKeys() throws {
    let object = try object(try line { $0.info("m", metadata: ["level": "x", "message": "y"]) })
    #expect(object["level"] as? String == "info")
    #expect(object["_message"] as? String == "y")
  }

  @Test("the level of all loggers may change while they are in use")
  func level() {
    let level = LogLevel(.info)
    let handler = JSONLogHandler(
      service: "s", level: level, output: LogOutput(descriptor: -1))
    var logger = Logger(label: "test", factory: { _ in handler })
    #expect(logger.logLevel == .info)
    level.current = .debug
    #expect(logger.logLevel == .debug)
    logger.logLevel = .error
    level.current = .trace
    #expect(logger.logLevel == .error)
  }

  @Test("a line that nobody can take is counted, not waited for")
  func dropped() {
    let output = LogOutput(descriptor: -1)
    output.write([1, 2, 3])
    #expect(output.linesDropped == 1)
  }

  @Test("a terminal gets no control characters from a stranger")
  func console() throws {
    let pipe = Pipe()
    let output = LogOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor)
    let handler = ConsoleLogHandler(service: "order", level: LogLevel(.info), output: output)
    Logger(label: "test", factory: { _ in handler })
      .warning("a\u{1B}]0;b\u{7}\nc", metadata: ["q": "\u{9B}2J", "password": "hunter2"])
    try pipe.fileHandleForWriting.close()
    let text = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    #expect(text.contains("WARNING"))
    #expect(!text.contains("\u{1B}]") && !text.contains("\u{9B}") && !text.contains("hunter2"))
    #expect(text.count(where: { $0 == "\n" }) == 1)
  }
}
