/// RFC 9112 section 9.
let connectionRules = [
  Rule(
    "HTTP/1.1 stays open; HTTP/1.0 closes unless it says keep-alive, and is told if it stays",
    "9112 §9.3",
    [
      serve("1.1", get() + get() + get(), .hello, .hello, .hello),
      serve("1.1 with keep-alive", get("/plaintext", "Connection: keep-alive"), .hello),
      close("1.0", old(), .hello),
      close("1.0 with close", old("Connection: close"), .hello),
      serve("1.0 with keep-alive", old("Connection: keep-alive"), .hello.keepingAlive),
      serve("1.0 in capitals", old("CONNECTION: KEEP-ALIVE"), .hello.keepingAlive),
      serve("1.0 in a list", old("Connection: x, Keep-Alive"), .hello.keepingAlive),
      serve(
        "1.0 in a second line", old("Connection: x", "Connection: keep-alive"), .hello.keepingAlive),
      close("1.0 with a word that is longer", old("Connection: keep-alives"), .hello),
      close("1.0 with a word that is shorter", old("Connection: keep"), .hello),
      close("1.0 with a Keep-Alive field alone", old("Keep-Alive: timeout=5"), .hello),
      close("1.0 with both", old("Connection: keep-alive, close"), .hello),
      close(
        "1.0 with both, in two lines", old("Connection: close", "Connection: keep-alive"), .hello),
      serve(
        "1.0 with a body",
        "POST /mirror HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab",
        .mirrored("ab").keepingAlive),
      serve(
        "1.0 answered later", "GET /plaintext-async HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        .hello.keepingAlive),
      serve(
        "1.0 with 404", "GET /none HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        .notFound.keepingAlive),
      close("1.0 behind 1.0", old("Connection: keep-alive") + old(), .hello.keepingAlive, .hello),
      close("1.0 behind 1.1", get() + old(), .hello, .hello),
      close("404 to 1.0", "GET /none HTTP/1.0\r\n\r\n", .notFound),
      close("HEAD of 1.0", "HEAD /plaintext HTTP/1.0\r\n\r\n", .helloHead),
    ]),
  Rule(
    "`close` in any Connection field, as a whole word in any case: answered, said, done",
    "9112 §9.6",
    [
      close("alone", get("/plaintext", "Connection: close"), .hello),
      close("in capitals", get("/plaintext", "CONNECTION: CLOSE"), .hello),
      close("with a capital", get("/plaintext", "Connection: Close"), .hello),
      close("in a list", get("/plaintext", "Connection: x, close"), .hello),
      close("first in a list", get("/plaintext", "Connection: close, TE"), .hello),
      close("in a list without spaces", get("/plaintext", "Connection: x,close,y"), .hello),
      close("in a list with empty elements", get("/plaintext", "Connection: ,, close ,,"), .hello),
      close("between tabs", get("/plaintext", "Connection: x,\tclose\t,y"), .hello),
      close(
        "in a second line", get("/plaintext", "Connection: keep-alive", "Connection: close"),
        .hello),
      close("beside keep-alive", get("/plaintext", "Connection: keep-alive, close"), .hello),
      serve("a longer word", get("/plaintext", "Connection: closed"), .hello),
      serve("a shorter word", get("/plaintext", "Connection: clos"), .hello),
      serve("a word that ends so", get("/plaintext", "Connection: x-close"), .hello),
      serve("two words", get("/plaintext", "Connection: not close"), .hello),
      serve("quotes", get("/plaintext", "Connection: \"close\""), .hello),
      serve("nothing", get("/plaintext", "Connection:"), .hello),
      serve("another field", get("/plaintext", "Proxy-Connection: close"), .hello),
      close(
        "with a body", post("Connection: close", "Content-Length: 2", body: "ab"), .mirrored("ab")),
      close(
        "with chunks",
        post("Connection: close", "Transfer-Encoding: chunked", body: "1\r\na\r\n0\r\n\r\n"),
        .mirrored("a")),
      close("with 404", get("/none", "Connection: close"), .notFound),
      close("with 405", ask("PUT", "/mirror", "Connection: close"), .notAllowed("POST, OPTIONS")),
      close(
        "with OPTIONS", ask("OPTIONS", "/mirror", "Connection: close"), .allowing("POST, OPTIONS")),
      close("with HEAD", ask("HEAD", "/plaintext", "Connection: close"), .helloHead),
      close("answered later", get("/plaintext-async", "Connection: close"), .hello),
      close("behind others", get() + get("/plaintext", "Connection: close"), .hello, .hello),
      close(
        "naming a field that counts",
        post("Connection: close, content-length", "Content-Length: 2", body: "ab"),
        .mirrored("ab")),
      serve(
        "naming a field does not remove it",
        post("Connection: content-length", "Content-Length: 2", body: "ab"), .mirrored("ab")),
    ]),
  Rule(
    "Pipelined requests are answered in order, each with its own body", "9112 §9.3.2",
    [
      serve("different routes", get() + get("/json") + get(), .hello, .json, .hello),
      serve(
        "answers at once and later, mixed",
        get("/plaintext-async") + get("/json") + get("/plaintext-async") + get("/none"),
        .hello, .json, .hello, .notFound),
      serve(
        "bodies",
        post(length: 1) + post("Content-Length: 2", body: "ab") + chunked("1\r\nc\r\n0\r\n\r\n"),
        .mirrored("x"), .mirrored("ab"), .mirrored("c")),
      serve(
        "HEAD between others", get() + ask("HEAD", "/json") + get(),
        .hello, .json.toHead, .hello),
      serve(
        "204 between others", get() + ask("OPTIONS", "/mirror") + get(),
        .hello, .allowing("POST, OPTIONS"), .hello),
      serve(
        "404 and 405 between others", get("/none") + ask("PUT", "/mirror") + get(),
        .notFound, .notAllowed("POST, OPTIONS"), .hello),
      serve("a slow one first", get("/slow?ms=5") + get(), Answer(200, "waited 5 ms"), .hello),
      serve(
        "twenty", times(20, get()), .hello, .hello, .hello, .hello, .hello, .hello, .hello, .hello,
        .hello, .hello, .hello, .hello, .hello, .hello, .hello, .hello, .hello, .hello, .hello,
        .hello),
      serve(
        "a slow one, then large bodies",
        get("/slow?ms=5") + post(length: 50_000) + post(length: 50_000),
        Answer(200, "waited 5 ms"), .mirrored(fill(50_000)), .mirrored(fill(50_000))),
    ]),
  Rule(
    "Good requests ahead of a broken one are answered, then the error, then the end", "9112 §9.3",
    [
      refuse("a bad line", get() + "BAD\r\n\r\n", after: .hello),
      refuse("a bad field", get() + get("/plaintext", "X : y"), after: .hello),
      refuse("an unknown method", get() + line("BREW / HTTP/1.1"), 501, after: .hello),
      refuse("another version", get() + line("GET / HTTP/2.0"), 505, after: .hello),
      refuse("a bad chunk", get() + chunked("x\r\n"), after: .hello),
      refuse("two lengths", get() + post("Content-Length: 1", "Content-Length: 1"), after: .hello),
      refuse("behind two", get() + get("/json") + "\n", after: .hello, .json),
      refuse("behind one that is answered later", get("/plaintext-async") + " ", after: .hello),
      refuse("behind a body", post(length: 2) + "x\r\n\r\n", after: .mirrored("xx")),
      refuse("behind 404", get("/none") + "\u{0}", after: .notFound),
      refuse("behind a HEAD", ask("HEAD") + "\u{0}", after: .helloHead),
    ]),
  Rule(
    "A client that ends its sending side gets its answers, then the end; a part of a request "
      + "gets 400", "9112 §9.6",
    [
      dialogue("nothing sent", .finishSending, .end),
      dialogue("a request", .send(get()), .finishSending, .answer(.hello), .end),
      dialogue(
        "requests that are answered later",
        .send(get("/plaintext-async") + get("/slow?ms=5") + get()), .finishSending,
        .answer(.hello), .answer(Answer(200, "waited 5 ms")), .answer(.hello), .end),
      dialogue(
        "a large answer", .send(post(length: 1_000_000)), .finishSending,
        .answer(.mirrored(fill(1_000_000))), .end),
      dialogue(
        "an answer and silence", .send(get()), .answer(.hello), .finishSending, .end),
      dialogue(
        "a request and a part", .send(get() + "GET /pl"), .finishSending, .answer(.hello),
        .refusal(400), .end),
      dialogue("a part of a line", .send("GE"), .finishSending, .refusal(400), .end),
      dialogue(
        "a head without its end", .send("GET /plaintext HTTP/1.1\r\nHost: a\r\n"), .finishSending,
        .refusal(400), .end),
      dialogue(
        "a body cut short", .send(post("Content-Length: 3", body: "ab")), .finishSending,
        .refusal(400), .end),
      dialogue(
        "chunks cut short", .send(chunked("3\r\nabc\r\n")), .finishSending, .refusal(400), .end),
      dialogue(
        "a slow answer and a part", .send(get("/slow?ms=5") + "GET /pl"), .finishSending,
        .answer(Answer(200, "waited 5 ms")), .refusal(400), .end),
    ]),
  Rule(
    "After an error the client gets the status rather than a reset, whatever it still sends",
    "9112 §9.6",
    [
      dialogue(
        "more behind the error", .send("BAD\r\n\r\n" + fill(200_000)), .refusal(400), .end),
      dialogue(
        "more after the answer", .send("BAD\r\n\r\n"), .refusal(400), .send(fill(100_000)), .end),
      dialogue(
        "a body that is too large", .send(post("Content-Length: 2000000", body: fill(200_000))),
        .refusal(413), .end),
      dialogue(
        "a head that is too large", .send("GET /" + fill(100_000)), .refusal(414), .end),
      dialogue(
        "requests behind the last one",
        .send(get("/plaintext", "Connection: close") + times(100, get())),
        .answer(.hello.closing), .end),
    ]),
  Rule(
    "Bytes may come in any cut; the result is the same", "9112 §2",
    [
      serve(
        "a head of many fields",
        get("/plaintext?" + fill(50, "q"), "A: 1", "B:  2 ", "C:", "Cookie: a=b; c=d", "A: 3"),
        .hello.having("A", "1", "3").having("Cookie", "a=b; c=d")),
      serve(
        "a body in chunks of every kind",
        chunked(
          "1\r\na\r\n0002;x\r\nbc\r\nA;y=\"z;\\\"\"\r\n0123456789\r\n000\r\nT: u\r\nV:\r\n\r\n"),
        .mirrored("abc0123456789")),
      serve(
        "a body that looks like line ends",
        post("Content-Length: 8", body: "\r\n\r\n\r\n\r\n") + get(),
        .mirrored("\r\n\r\n\r\n\r\n"), .hello),
      serve(
        "a pipeline of everything",
        "\r\n" + get() + post(length: 3) + chunked("1\r\nz\r\n0\r\n\r\n") + ask("HEAD")
          + get("http://b/json") + ask("OPTIONS", "*"),
        .hello, .mirrored("xxx"), .mirrored("z"), .helloHead, .json,
        .allowing("GET, HEAD, POST, OPTIONS")),
    ]),
]

/// A GET of HTTP/1.0 without Host.
private func old(_ lines: String...) -> String {
  (["GET /plaintext HTTP/1.0"] + lines).map { $0 + "\r\n" }.joined() + "\r\n"
}
