import Glibc

/// One answer as it came, taken apart without lenience.
struct ReceivedAnswer {
  let status: Int
  let reason: String
  let fields: [(name: String, value: String)]
  let body: [UInt8]

  /// Reads the next answer.
  ///
  /// - Throws: `Mismatch` if it is none of HTTP/1.1, or breaks what every answer must keep.
  init(from client: RawClient, toHead: Bool) throws {
    let lines = try client.head().split(separator: "\r\n", omittingEmptySubsequences: false)
      .dropLast().map(String.init)
    guard let statusLine = lines.first else { throw Mismatch("no head") }
    let parts = statusLine.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "HTTP/1.1", parts[1].utf8.count == 3,
      let status = Int(parts[1])
    else { throw Mismatch("status line \(statusLine.debugDescription)") }
    self.status = status
    reason = String(parts[2])
    fields = try lines.dropFirst().map { line in
      guard let colon = line.firstRange(of: ": "), !line[..<colon.lowerBound].contains(" ") else {
        throw Mismatch("field line \(line.debugDescription)")
      }
      return (String(line[..<colon.lowerBound]), String(line[colon.upperBound...]))
    }
    let lengths = Self.values("Content-Length", fields)
    body = toHead ? [] : try client.body(lengths.first.flatMap { Int($0) } ?? 0)
    try check(toHead: toHead, since: client.opened)
  }

  subscript(_ name: String) -> String? { Self.values(name, fields).first }

  /// What holds for every answer: one Date of now, one framing or none, a type if there is content,
  /// no field twice.
  private func check(toHead: Bool, since opened: time_t) throws {
    let names = fields.map { $0.name.lowercased() }
    guard Set(names).count == names.count else { throw Mismatch("a field twice: \(names)") }
    if let stranger = names.first(where: { !Self.known.contains($0) }) {
      throw Mismatch("a field that nobody put there: \(stranger)")
    }
    guard self["Transfer-Encoding"] == nil else { throw Mismatch("an answer in chunks") }
    if status == 100 {
      guard fields.isEmpty else { throw Mismatch("fields of 100: \(names)") }
      return
    }
    guard let date = self["Date"], Self.isOfNow(date, since: opened) else {
      throw Mismatch("Date \(self["Date"] ?? "is missing")")
    }
    let length = self["Content-Length"]
    if status == 204 || status == 304 {
      guard length == nil else { throw Mismatch("\(status) with a length") }
      return
    }
    guard let length, let count = Int(length), String(count) == length else {
      throw Mismatch("Content-Length \(length ?? "is missing")")
    }
    guard count == 0 || self["Content-Type"] != nil else { throw Mismatch("content of no type") }
  }

  /// What the server, bench-server's routes and what `--service` has around them send.
  private static let known: Set = [
    "allow", "cache-control", "connection", "content-length", "content-type", "date",
    "x-request-id",
  ]

  private static func values(
    _ name: String, _ fields: [(name: String, value: String)]
  ) -> [String] {
    fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
  }

  /// Whether the text is the IMF-fixdate of a time since the connection began, or of a few seconds
  /// before. (A busy machine may look at an answer late.)
  private static func isOfNow(_ date: String, since opened: time_t) -> Bool {
    (opened - 5...time(nil) + 1).contains { second in
      var instant = second
      var parts = tm()
      gmtime_r(&instant, &parts)
      var buffer = [CChar](repeating: 0, count: 64)
      let count = strftime(&buffer, buffer.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
      return buffer.prefix(count).map(UInt8.init(bitPattern:)) == Array(date.utf8)
    }
  }
}

extension ReceivedAnswer {
  /// - Throws: `Mismatch` unless this is the answer.
  func check(is expected: Answer) throws {
    guard status == expected.status else {
      throw Mismatch("\(status) instead of \(expected.status): \(String(latin1: body))")
    }
    guard self["Connection"] == expected.connection else {
      throw Mismatch("Connection \(self["Connection"] ?? "nil") with \(status)")
    }
    for (name, value) in expected.fields where self[name] != value {
      throw Mismatch("\(name) is \(self[name] ?? "missing") instead of \(value)")
    }
    if let body = expected.body, !expected.isToHead, self.body != body.latin1 {
      throw Mismatch("body \(String(latin1: self.body.prefix(200)).debugDescription)")
    }
    if let body = expected.body, expected.isToHead, self["Content-Length"] != "\(body.utf8.count)" {
      throw Mismatch("HEAD with a length of \(self["Content-Length"] ?? "nil")")
    }
  }

  /// - Throws: `Mismatch` unless this is the server's own refusal, of that status.
  func check(isRefusal status: Int, toHead: Bool) throws {
    guard self.status == status, self["Connection"] == "close" else {
      throw Mismatch("\(self.status) \(self["Connection"] ?? "open"): \(String(latin1: body))")
    }
    guard self["Content-Type"] == "application/problem+json" else {
      throw Mismatch("a refusal of type \(self["Content-Type"] ?? "nil")")
    }
    let text = String(latin1: body)
    let start = #"{"type":"about:blank","title":"\#(reason)","status":\#(status)"#
    guard toHead || (text.hasPrefix(start) && text.hasSuffix("}")) else {
      throw Mismatch("a refusal that says \(text)")
    }
    guard !text.contains(marker) else { throw Mismatch("it repeats what it was sent: \(text)") }
  }
}
