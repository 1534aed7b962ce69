import CoreHTTP
import HTTPMessages

/// The input is a request's target: its path and its query.
@_cdecl("LLVMFuzzerTestOneInput")
public func readTargets(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Input(start, count)
  let isAllowed = input.bytes.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }
  let served = request("GET", input)
  if let served {
    input.require(isAllowed, "served, though a byte is forbidden")
    checkPath(served, input)
    checkQuery(served, input)
  }
  let options = request("OPTIONS", input)
  input.require(
    options?.target == (input.bytes == Array("*".utf8) ? "*" : served?.target),
    "\(String(describing: options)) for OPTIONS")
  input.require(request("CONNECT", input) == nil, "a tunnel was opened")
  checkEscapes(input)
  return 0
}

/// The request whose target is the input, if it is served as one.
private func request(_ method: String, _ input: Input) -> HTTPRequest? {
  let message = Input(
    Array("\(method) ".utf8) + input.bytes + Array(" HTTP/1.1\r\nHost: h\r\n\r\n".utf8))
  let reading = Reading(message, HTTPLimits())
  guard reading.end == .complete, reading.requests.count == 1 else { return nil }
  let request = reading.requests[0]
  message.require(request.places[2] == message.bytes.count, "served before its end")
  return HTTPRequest(request.method, request.target)
}

/// No segment is a dot segment however it is escaped; escaped anew, the path means the same.
private func checkPath(_ served: HTTPRequest, _ input: Input) {
  input.require(served.path.utf8.first == UInt8(ascii: "/"), "path \(served.path)")
  let segments = served.path.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
    .map { PercentEncoding.decode(segment: $0) }
  for segment in segments {
    guard let segment else { fatalError("served, but cannot be decoded: \(input)") }
    input.require(segment != "." && segment != "..", "served with a dot segment")
    input.require(!segment.utf8.contains(0), "served with a NUL")
  }
  let plain = segments.map { PercentEncoding.encode(pathSegment: $0 ?? "") }
    .joined(separator: "/")
  let again = request("GET", Input(Array(plain.utf8)))
  input.require(again?.path == plain, "escaped anew it is \(String(describing: again))")
}

/// A query can be decoded or is refused; written anew, its items are the same.
private func checkQuery(_ served: HTTPRequest, _ input: Input) {
  let parts = [served.path] + [served.query].compactMap(\.self)
  input.require(parts.joined(separator: "?") == served.target, "path and query are \(parts)")
  // A bad escape is the client's mistake, and what was asked is that it does no harm.
  guard let items = try? served.queryItems else { return }
  let query = items.map {
    PercentEncoding.encode(queryValue: $0.name) + "=" + PercentEncoding.encode(queryValue: $0.value)
  }
  let again = try? HTTPRequest(.get, "/?" + query.joined(separator: "&")).queryItems
  input.require(
    again?.elementsEqual(items, by: { bytes($0) == bytes($1) }) == true,
    "written anew, \(items) are \(String(describing: again))")
}

private func bytes(_ item: (name: String, value: String)) -> [[UInt8]] {
  [Array(item.name.utf8), Array(item.value.utf8)]
}

/// Any text survives being escaped, but for NUL, which is never let in.
private func checkEscapes(_ input: Input) {
  let text = String(decoding: input.bytes, as: UTF8.self)
  let escaped = PercentEncoding.encode(pathSegment: text)
  let decoded = PercentEncoding.decode(escaped.utf8, plusIsSpace: true)
  input.require(
    decoded == (text.utf8.contains(0) ? nil : Array(text.utf8)), "\(escaped) is another text")
  // Bytes that are no text must not trap either.
  if let raw = PercentEncoding.decode(input.bytes) {
    input.require(raw.count <= input.bytes.count, "decoded to more than there was")
  }
}
