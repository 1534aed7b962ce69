/// RFC 9112 section 3, RFC 6585 section 5, RFC 9110 section 15.5.14, and the limits of `HTTPLimits`.
let limitRules = [
  Rule(
    "A request line of 16 KiB is served; a longer one is 414, however long", "9112 §3",
    [
      serve("8,000 bytes", get("/" + fill(7986)), .notFound),
      serve("the longest", get("/" + fill(16_384 - 14)), .notFound),
      serve("the longest, mostly query", get("/plaintext?" + fill(16_384 - 24)), .hello),
      refuse("a byte more", get("/" + fill(16_384 - 13)), 414),
      refuse("a byte more, mostly query", get("/plaintext?" + fill(16_384 - 23)), 414),
      refuse("one without an end", "GET /" + fill(30_000), 414),
      refuse("one without an end, HEAD", "HEAD /" + fill(30_000), 414, toHead: true),
    ]),
  Rule(
    "A method of 32 bytes is read; a longer one is 501 before it ends", "9112 §3",
    [
      refuse("the longest", line(fill(32, "M") + " / HTTP/1.1"), 501),
      refuse("the longest, in a bad line", line(fill(32, "M") + " / HTTP/1.x"), 400),
      refuse("a byte more", fill(33, "M"), 501),
      refuse("one without an end", fill(10_000, "M"), 501),
    ]),
  Rule(
    "A field line of 16 KiB is served; a longer one is 431", "6585 §5",
    [
      serve("the longest", get("/plaintext", "X: " + fill(16_381)), .hello),
      serve("the longest name", get("/plaintext", fill(16_383, "n") + ":"), .hello),
      refuse("a byte more", get("/plaintext", "X: " + fill(16_382)), 431),
      refuse("a byte more of the name", get("/plaintext", fill(16_384, "n") + ":"), 431),
      refuse("a name without an end", "GET / HTTP/1.1\r\n" + fill(20_000, "n"), 431),
      refuse("a value without an end", "GET / HTTP/1.1\r\nX: " + fill(20_000), 431),
      refuse("spaces without an end", "GET / HTTP/1.1\r\nX:" + fill(20_000, " "), 431),
      refuse("tabs in a value without an end", "GET / HTTP/1.1\r\nX: y" + fill(20_000, "\t"), 431),
    ]),
  Rule(
    "All fields together may have 32 KiB, their line ends counted; more is 431", "6585 §5",
    [
      serve("the most", fields(bytes: 32_768), .hello),
      refuse("a byte more", fields(bytes: 32_769), 431),
      refuse("two bytes more", fields(bytes: 32_770), 431),
      refuse("a line more", fields(bytes: 32_768 + 20), 431),
    ]),
  Rule(
    "A request may have 100 fields; more are 431", "6585 §5",
    [
      serve("the most", get("/plaintext", times(98, "X: y\r\n") + "X: y"), .hello),
      refuse("one more", get("/plaintext", times(99, "X: y\r\n") + "X: y"), 431),
      refuse("fields without an end", "GET / HTTP/1.1\r\n" + times(2000, "X:\r\n"), 431),
    ]),
  Rule(
    "A body may have 1 MiB; more is 413, known from its length or from a chunk's size",
    "9110 §15.5.14",
    [
      serve("the most", post(length: 1_048_576), .mirrored(fill(1_048_576))),
      refuse("a byte more, before it is sent", post("Content-Length: 1048577"), 413),
      serve(
        "the most, in a chunk", chunked("100000\r\n" + fill(1_048_576) + "\r\n0\r\n\r\n"),
        .mirrored(fill(1_048_576))),
      refuse("a byte more, in a chunk", chunked("100001\r\n"), 413),
      refuse("a chunk of one byte more", chunked("fffff\r\n" + fill(1_048_575) + "\r\n2\r\n"), 413),
      refuse("a chunk of one byte more, with extensions", chunked("100001;a\r\n"), 413),
      dialogue(
        "the connection ends in order", .send(post("Content-Length: 1048577")), .refusal(413),
        .send(fill(50_000)), .end),
    ]),
  Rule(
    "A chunk-size line may have 256 bytes, all extensions of a body 16 KiB; more is 400",
    "9112 §7.1.1",
    [
      serve("the longest line", chunked("1;" + fill(254) + "\r\na\r\n0\r\n\r\n"), .mirrored("a")),
      refuse("a byte more", chunked("1;" + fill(255) + "\r\na\r\n0\r\n\r\n")),
      refuse("one without an end", chunked("1;" + fill(10_000))),
      refuse("quotes without an end", chunked("1;a=\"" + fill(10_000))),
      serve(
        "the most extensions", chunked(times(64, "1;" + fill(254) + "\r\na\r\n") + "0\r\n\r\n"),
        .mirrored(fill(64, "a"))),
      refuse("more extensions", chunked(times(80, "1;" + fill(254) + "\r\na\r\n") + "0\r\n\r\n")),
    ]),
  Rule(
    "Trailers may have 8 KiB and 32 lines; more is 431", "6585 §5",
    [
      serve("the most lines", chunked("0\r\n" + times(32, "X: y\r\n") + "\r\n"), .mirrored("")),
      refuse("a line more", chunked("0\r\n" + times(33, "X: y\r\n") + "\r\n"), 431),
      serve("the most bytes", chunked("0\r\nX: " + fill(8187) + "\r\n\r\n"), .mirrored("")),
      refuse("a byte more", chunked("0\r\nX: " + fill(8188) + "\r\n\r\n"), 431),
      refuse("one without an end", chunked("0\r\nX: " + fill(20_000)), 431),
      refuse("lines without an end", chunked("0\r\n" + times(2000, "X:\r\n")), 431),
    ]),
  Rule(
    "A head has its time from its first byte on, whatever else comes; then 408, or nothing "
      + "if no byte came", "9110 §15.5.9",
    [
      dialogue("nothing", limits: impatient, .end),
      dialogue("a part", limits: impatient, .send("GET /pl"), .refusal(408), .end),
      dialogue(
        "a line", limits: impatient, .send("GET /plaintext HTTP/1.1\r\n"), .refusal(408), .end),
      dialogue(
        "bytes that drip", limits: impatient, .send("GET /plaintext HTTP/1.1\r\nX: "),
        .drip(fill(60)), .refusal(408), .end),
      dialogue(
        "a second request", limits: impatient, .send(get() + "GET /"), .answer(.hello),
        .refusal(408), .end),
      dialogue(
        "a HEAD", limits: impatient, .send("HEAD /plaintext HTTP/1.1\r\n"),
        .answer(late.toHead), .end),
    ]),
  Rule(
    "A body has its time from its head on, and more as it comes; then 408", "9110 §15.5.9",
    [
      dialogue(
        "none of it", limits: impatient, .send(post("Content-Length: 3")), .refusal(408), .end),
      dialogue(
        "a part", limits: impatient, .send(post("Content-Length: 3", body: "a")), .refusal(408),
        .end),
      dialogue(
        "a part of a chunk", limits: impatient, .send(chunked("3\r\na")), .refusal(408), .end),
      dialogue(
        "a part of a trailer", limits: impatient, .send(chunked("0\r\nX: ")), .refusal(408), .end),
      dialogue(
        "bytes that drip", limits: impatient, .send(post("Content-Length: 100")), .drip(fill(60)),
        .refusal(408), .end),
      dialogue(
        "after 100", limits: impatient, .send(post("Expect: 100-continue", "Content-Length: 3")),
        .interim, .refusal(408), .end),
      dialogue(
        "one that has earned its time",
        limits: {
          impatient(&$0); $0.bodyBytesPerExtraSecond = 10
        },
        .send(post("Content-Length: 100", body: fill(40))), .drip(fill(60)),
        .answer(.mirrored(fill(100)))),
    ]),
  Rule(
    "A connection between two requests is closed without a word when its time is over",
    "9112 §9.5",
    [
      dialogue("after an answer", limits: impatient, .send(get()), .answer(.hello), .end),
      dialogue("after 404", limits: impatient, .send(get("/none")), .answer(.notFound), .end),
      dialogue(
        "after HTTP/1.0", limits: impatient,
        .send("GET /plaintext HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        .answer(.hello.keepingAlive), .end),
      dialogue(
        "not while a handler works", limits: impatient, .send(get("/slow?ms=500")),
        .answer(Answer(200, "waited 500 ms")), .send(get()), .answer(.hello)),
    ]),
  Rule(
    "The last request that a connection may have is answered with `close`", "9112 §9.6",
    [
      dialogue(
        "three", limits: { $0.requestsPerConnectionMax = 3 }, .send(times(5, get())),
        .answer(.hello), .answer(.hello), .answer(.hello.closing), .end),
      dialogue(
        "one", limits: { $0.requestsPerConnectionMax = 1 }, .send(get()), .answer(.hello.closing),
        .end),
      dialogue(
        "three, answered later", limits: { $0.requestsPerConnectionMax = 3 },
        .send(times(5, get("/plaintext-async"))), .answer(.hello), .answer(.hello),
        .answer(.hello.closing), .end),
      dialogue(
        "HTTP/1.0", limits: { $0.requestsPerConnectionMax = 1 },
        .send("GET /plaintext HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        .answer(.hello.closing), .end),
    ]),
  Rule(
    "What a refused client still sends is read up to a limit, for a limited time", "9112 §9.6",
    [
      dialogue(
        "too much", limits: { $0.lingerBytesMax = 10_000 }, .send("BAD\r\n\r\n"), .refusal(400),
        .send(fill(2_000_000)), .cut),
      dialogue(
        "too long",
        limits: {
          impatient(&$0); $0.lingerTimeMax = .milliseconds(100)
        },
        .send("BAD\r\n\r\n"), .refusal(400), .drip(fill(200)), .cut),
    ]),
]

/// A part of a second instead of many.
private let impatient: Limits = { limits in
  limits.timeResolution = .milliseconds(10)
  limits.headTimeMax = .milliseconds(150)
  limits.bodyTimeMax = .milliseconds(150)
  limits.idleTimeMax = .milliseconds(150)
  limits.lingerTimeMax = .seconds(5)
}

private let late = Answer(408).closing

/// A GET whose field lines, with their line ends, have so many bytes.
private func fields(bytes: Int) -> String {
  let host = "Host: a\r\n".latin1.count
  let line = "A: \r\n".latin1.count
  let long = 16_000
  return get(
    "/plaintext", "A: " + fill(long - line), "B: " + fill(long - line),
    "C: " + fill(bytes - host - 2 * long - line))
}
