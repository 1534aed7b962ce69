import Foundation

/// Steps as a person sees them: a line each, with a tick and its seconds.
struct Progress: Sendable {
  /// A line that is replaced when the step ends; only a terminal can do that.
  private let isTerminal = isatty(STDOUT_FILENO) == 1

  /// Runs `body` and says how long it took. A note it returns is added to the line.
  func step<T: Sendable>(
    _ text: String, note: (T) -> String = { _ in "" },
    _ body: () async throws -> T
  ) async throws -> T {
    if isTerminal { write("  .. \(text)") }
    let began = ContinuousClock.now
    do {
      let value = try await body()
      finish("ok", text, note(value), since: began)
      return value
    } catch {
      finish("!!", text, "", since: began)
      throw error
    }
  }

  func say(_ line: String) { write(line + "\n") }

  private func finish(
    _ mark: String, _ text: String, _ note: String, since began: ContinuousClock.Instant
  ) {
    let tenths = Int((ContinuousClock.now - began) / .milliseconds(100))
    let line =
      "  \(mark) \(text)\(note.isEmpty ? "" : ": " + note)  \(tenths / 10).\(tenths % 10) s"
    write(isTerminal ? "\r\u{1B}[K\(line)\n" : line + "\n")
  }

  private func write(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }
}
