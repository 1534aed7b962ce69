/// Something a person must act on: the cause, what it was seen by, and what to type next.
struct Trouble: Error, Equatable {
  /// One sentence, in the reader's words.
  var cause: String
  /// Lines that show it: a log's last words, a process, a version.
  var evidence: [String] = []
  /// What to do, as lines that can be pasted where possible.
  var next: [String] = []

  init(_ cause: String, evidence: [String] = [], next: [String] = []) {
    self.cause = cause
    self.evidence = evidence
    self.next = next
  }

  /// What is wrong with a command line or with settings, all of it at once.
  init(settings faults: [String]) {
    self.init(
      faults.count == 1 ? "a bad setting." : "\(faults.count) bad settings.", evidence: faults)
  }

  /// As printed to standard error.
  var text: String {
    let details = (evidence + next).map { "  \($0)" }
    return (["shop: \(cause)"] + details).joined(separator: "\n")
  }
}
