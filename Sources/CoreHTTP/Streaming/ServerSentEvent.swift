/// One event of a `text/event-stream` (WHATWG HTML, section 9.2.6 "Interpreting an event stream").
package struct ServerSentEvent: Sendable {
  /// The event's type; nil is `message`.
  package var name: String?
  /// What a client that comes back sends as `Last-Event-ID`.
  package var id: String?
  /// How long a client that lost the connection waits before it comes back; milliseconds on the wire.
  package var retry: Duration?
  /// Any text, of several lines too. Without data no event is dispatched, but `id` and `retry` count.
  package var data: String?

  /// - Parameter data: nil for an event that only carries `id` or `retry`.
  package init(
    _ data: String?, name: String? = nil, id: String? = nil, retry: Duration? = nil
  ) {
    self.data = data
    self.name = name
    self.id = id
    self.retry = retry
  }

  /// The event's lines and the empty one that ends it. A line end or NUL in `name` or `id`, where the
  /// format cannot express them, is replaced by `?`; one in `data` begins a further line.
  package var bytes: [UInt8] {
    var text = ""
    if let name { text += "event: \(Self.singleLine(name))\n" }
    if let id { text += "id: \(Self.singleLine(id))\n" }
    if let retry {
      let (seconds, attoseconds) = retry.components
      text += "retry: \(max(0, seconds * 1000 + attoseconds / 1_000_000_000_000_000))\n"
    }
    if let data { for line in Self.lines(of: data) { text += "data: \(line)\n" } }
    return Array((text + "\n").utf8)
  }

  /// Lines that every client passes over.
  static func comment(_ text: String) -> [UInt8] {
    Array((lines(of: text).map { ": \($0)\n" }.joined() + "\n").utf8)
  }

  private static func singleLine(_ text: String) -> String {
    String(text.map { lineEnds.contains($0) || $0 == "\0" ? "?" : $0 })
  }

  private static func lines(of text: String) -> [Substring] {
    text.split(omittingEmptySubsequences: false) { lineEnds.contains($0) }
  }

  /// CR LF, LF and CR end a line alike, so none of them may be left inside one.
  private static let lineEnds: [Character] = ["\r\n", "\n", "\r"]
}
