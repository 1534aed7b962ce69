// The requests that the tables vary.

/// A GET of HTTP/1.1 with one Host and these further lines.
func get(_ target: String = "/plaintext", _ lines: String...) -> String {
  request("GET", target, lines)
}

/// The same with another method.
func ask(_ method: String, _ target: String = "/plaintext", _ lines: String...) -> String {
  request(method, target, lines)
}

/// A POST to `/mirror`, whose answer has the request's body.
func post(_ lines: String..., body: String = "") -> String {
  request("POST", "/mirror", lines) + body
}

/// A POST of `length` bytes to `/mirror`.
func post(length: Int) -> String {
  post("Content-Length: \(length)", body: fill(length))
}

/// A chunked POST to `/mirror`, its body as it is on the wire.
func chunked(_ body: String) -> String {
  post("Transfer-Encoding: chunked", body: body)
}

/// A GET with this Host line, or none.
func host(_ line: String?, version: String = "HTTP/1.1") -> String {
  let lines = ["GET /plaintext \(version)"] + (line.map { [$0] } ?? [])
  return lines.joined(separator: "\r\n") + "\r\n\r\n"
}

/// A GET with this request line.
func line(_ text: String) -> String { text + "\r\nHost: a\r\n\r\n" }

func fill(_ count: Int, _ letter: Character = "x") -> String {
  String(repeating: letter, count: count)
}

func times(_ count: Int, _ text: String) -> String { String(repeating: text, count: count) }

private func request(_ method: String, _ target: String, _ lines: [String]) -> String {
  (["\(method) \(target) HTTP/1.1", "Host: a"] + lines).map { $0 + "\r\n" }.joined() + "\r\n"
}
