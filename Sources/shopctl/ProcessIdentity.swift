import Foundation

/// A process that cannot be mistaken for a later one with the same pid: its start time goes with it.
struct ProcessIdentity: Codable, Equatable, Sendable {
  let pid: Int32
  /// Clock ticks since boot, field 22 of /proc/PID/stat (proc(5)).
  let startTicks: UInt64

  /// The process that has `pid` now; nil when there is none, or only its remains (a zombie).
  init?(pid: Int32) {
    guard let fields = Self.statFields(pid), fields.count > 19, fields[0] != "Z", fields[0] != "X",
      let ticks = UInt64(fields[19])
    else { return nil }
    self.pid = pid
    startTicks = ticks
  }

  static var current: ProcessIdentity? { ProcessIdentity(pid: getpid()) }

  var isAlive: Bool { ProcessIdentity(pid: pid) == self }

  /// What it was started as: "node server.js", at most 120 characters.
  static func command(of pid: Int32) -> String? {
    guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline"), !data.isEmpty
    else { return nil }
    let words = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    return String(words.joined(separator: " ").prefix(120))
  }

  /// Sends `signal` if the process is still the one meant.
  func send(_ signal: Int32) {
    if isAlive { kill(pid, signal) }
  }

  /// Ends it: SIGTERM, then SIGKILL after `grace`.
  func end(grace: Duration) async {
    send(SIGTERM)
    let deadline = ContinuousClock.now + grace
    while isAlive, ContinuousClock.now < deadline { await pause(.milliseconds(50)) }
    send(SIGKILL)
    while isAlive, ContinuousClock.now < deadline + .seconds(5) { await pause(.milliseconds(20)) }
  }

  /// The fields after the name, which is in brackets and may itself hold brackets and blanks.
  private static func statFields(_ pid: Int32) -> [Substring]? {
    guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
    let text = String(decoding: data, as: UTF8.self)
    guard let bracket = text.lastIndex(of: ")") else { return nil }
    return text[text.index(after: bracket)...].split(separator: " ")
  }
}

/// Waits; returns early and without an error when the task is cancelled, for loops that look again.
func pause(_ duration: Duration) async {
  // Cancellation is what the caller's loop condition looks at; there is nothing to report here.
  try? await Task.sleep(for: duration)
}
