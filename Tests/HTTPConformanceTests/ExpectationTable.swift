/// RFC 9110 sections 7.8 and 10.1.1.
let expectationRules = [
  Rule(
    "A client that waits for 100 before its body is told once to go on", "9110 §10.1.1",
    [
      dialogue(
        "a length", .send(waiting("Content-Length: 3")), .interim, .send("abc"),
        .answer(.mirrored("abc"))),
      dialogue(
        "chunks", .send(waiting("Transfer-Encoding: chunked")), .interim,
        .send("3\r\nabc\r\n0\r\n\r\n"), .answer(.mirrored("abc"))),
      dialogue(
        "capitals", .send(post("EXPECT: 100-CONTINUE", "Content-Length: 1")), .interim,
        .send("a"), .answer(.mirrored("a"))),
      dialogue(
        "a body in pieces, and a request behind it", .send(waiting("Content-Length: 3")), .interim,
        .send("a"), .send("b"), .send("c" + get()), .answer(.mirrored("abc")), .answer(.hello)),
      dialogue(
        "each of two requests", .send(waiting("Content-Length: 1")), .interim, .send("a"),
        .answer(.mirrored("a")), .send(waiting("Content-Length: 1")), .interim, .send("b"),
        .answer(.mirrored("b"))),
      dialogue(
        "behind another request", .send(get() + waiting("Content-Length: 1")), .answer(.hello),
        .interim, .send("a"), .answer(.mirrored("a"))),
      dialogue(
        "behind a request that is answered later",
        .send(get("/plaintext-async") + waiting("Content-Length: 1")), .answer(.hello),
        .interim, .send("a"), .answer(.mirrored("a"))),
      dialogue(
        "a head that comes in pieces", .send("POST /mirror HTTP/1.1\r\nHost: a\r\nExpect: 100-"),
        .send("continue\r\nContent-Length: 1\r\n\r"), .send("\n"), .interim, .send("a"),
        .answer(.mirrored("a"))),
      dialogue(
        "said twice", .send(waiting("Expect: 100-continue", "Content-Length: 1")), .interim,
        .send("a"), .answer(.mirrored("a"))),
      dialogue(
        "a last request", .send(waiting("Connection: close", "Content-Length: 1")), .interim,
        .send("a"), .answer(.mirrored("a").closing), .end),
      dialogue(
        "a body that never comes", .send(waiting("Content-Length: 3")), .interim, .finishSending,
        .refusal(400), .end),
      dialogue(
        "a body that is no chunks", .send(waiting("Transfer-Encoding: chunked")), .interim,
        .send("x"), .refusal(400), .end),
    ]),
  Rule(
    "No 100 where the body is here, where there is none, or to HTTP/1.0", "9110 §10.1.1",
    [
      dialogue(
        "the whole body is here", .send(waiting("Content-Length: 3") + "abc"),
        .answer(.mirrored("abc"))),
      dialogue(
        "a part of it is here", .send(waiting("Content-Length: 3") + "a"), .send("bc"),
        .answer(.mirrored("abc"))),
      dialogue(
        "its chunks are here", .send(waiting("Transfer-Encoding: chunked") + "0\r\n\r\n"),
        .answer(.mirrored(""))),
      dialogue("no body", .send(waiting()), .answer(.mirrored(""))),
      dialogue("an empty body", .send(waiting("Content-Length: 0")), .answer(.mirrored(""))),
      dialogue(
        "a GET", .send(get("/plaintext", "Expect: 100-continue")), .answer(.hello)),
      dialogue(
        "HTTP/1.0",
        .send("POST /mirror HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"),
        .send("a"), .answer(.mirrored("a").closing), .end),
      dialogue(
        "HTTP/1.0, kept alive",
        .send(
          "POST /mirror HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n"
            + "Content-Length: 1\r\n\r\n"), .send("a"), .answer(.mirrored("a").keepingAlive)),
    ]),
  Rule(
    "A body that is not wanted is refused at once with `close`; what follows is no request",
    "9110 §10.1.1",
    [
      dialogue(
        "404", .send(ask("POST", "/none", "Content-Length: 50", "Expect: 100-continue")),
        .answer(.notFound.closing), .send(get()), .end),
      dialogue(
        "404, chunked",
        .send(ask("POST", "/none", "Transfer-Encoding: chunked", "Expect: 100-continue")),
        .answer(.notFound.closing), .send(get()), .end),
      dialogue(
        "405", .send(ask("PUT", "/mirror", "Content-Length: 50", "Expect: 100-continue")),
        .answer(.notAllowed("POST, OPTIONS").closing), .send(get()), .end),
      dialogue(
        "413", .send(waiting("Content-Length: 1048577")), .refusal(413), .send(get()), .end),
      dialogue(
        "behind another request",
        .send(get() + ask("POST", "/none", "Content-Length: 50", "Expect: 100-continue")),
        .answer(.hello), .answer(.notFound.closing), .send(get()), .end),
    ]),
  Rule(
    "Another expectation is 417; HTTP/1.0 has none", "9110 §10.1.1",
    [
      refuse("a word", get("/plaintext", "Expect: x"), 417),
      refuse("another status", get("/plaintext", "Expect: 200-ok"), 417),
      refuse("the status alone", post("Expect: 100", "Content-Length: 1"), 417),
      refuse("a part of it", post("Expect: 100-contin", "Content-Length: 1"), 417),
      refuse("it and more", post("Expect: 100-continued", "Content-Length: 1"), 417),
      refuse("it among others", post("Expect: 100-continue, x", "Content-Length: 1"), 417),
      refuse("a parameter", post("Expect: 100-continue;a=b", "Content-Length: 1"), 417),
      refuse("it, then another", post("Expect: 100-continue", "Expect: x"), 417),
      refuse("another, then it", post("Expect: x", "Expect: 100-continue"), 417),
      refuse(
        "with a body behind it", post("Expect: x", "Content-Length: 92", body: get()), 417),
      close("in HTTP/1.0", "GET /plaintext HTTP/1.0\r\nExpect: x\r\n\r\n", .hello),
    ]),
  Rule(
    "Upgrade is ignored: never a 101, and the connection goes on", "9110 §7.8",
    [
      serve(
        "HTTP/2",
        get(
          "/plaintext", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
          "HTTP2-Settings: AAMAAABkAAQAAP__"), .hello),
      serve(
        "a WebSocket",
        get(
          "/plaintext", "Connection: Upgrade", "Upgrade: websocket",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"), .hello),
      serve("TLS", get("/plaintext", "Connection: upgrade", "Upgrade: TLS/1.2"), .hello),
      serve("several", get("/plaintext", "Connection: upgrade", "Upgrade: a, b/1, c"), .hello),
      serve("an empty one", get("/plaintext", "Connection: upgrade", "Upgrade:"), .hello),
      serve("one that Connection does not name", get("/plaintext", "Upgrade: h2c"), .hello),
      serve(
        "with a body",
        post("Connection: upgrade", "Upgrade: h2c", "Content-Length: 2", body: "ab")
          + get(), .mirrored("ab"), .hello),
      close(
        "with close", get("/plaintext", "Connection: upgrade, close", "Upgrade: h2c"), .hello),
      refuse(
        "with HTTP/2's preface behind it",
        get("/plaintext", "Connection: upgrade", "Upgrade: h2c")
          + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, after: .hello),
    ]),
]

/// A POST to `/mirror` by a client that waits for 100.
private func waiting(_ lines: String...) -> String {
  (["POST /mirror HTTP/1.1", "Host: a", "Expect: 100-continue"] + lines)
    .map { $0 + "\r\n" }.joined() + "\r\n"
}
