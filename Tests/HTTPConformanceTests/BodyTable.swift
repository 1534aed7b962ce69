/// RFC 9112 sections 6 to 8.
let bodyRules = [
  Rule(
    "Without Content-Length and Transfer-Encoding there is no body, whatever the method",
    "9112 §6.3",
    [
      serve("GET", get() + get(), .hello, .hello),
      serve("POST", post() + get(), .mirrored(""), .hello),
      serve("PUT", ask("PUT", "/mirror") + get(), .notAllowed("POST, OPTIONS"), .hello),
      serve("DELETE", ask("DELETE", "/mirror") + get(), .notAllowed("POST, OPTIONS"), .hello),
      serve(
        "a Content-Type makes none", post("Content-Type: text/plain") + get(),
        .mirrored(""), .hello),
      refuse("what follows is a request", post() + "abc\r\n\r\n", after: .mirrored("")),
    ]),
  Rule(
    "Content-Length is one value of ASCII digits; beyond 2^63-1 it is 400, and never wraps",
    "9110 §8.6",
    [
      serve("zero", post("Content-Length: 0") + get(), .mirrored(""), .hello),
      serve("three", post("Content-Length: 3", body: "abc"), .mirrored("abc").to("POST /mirror")),
      serve("leading zeros", post("Content-Length: 003", body: "abc"), .mirrored("abc")),
      serve(
        "many leading zeros", post("Content-Length: " + fill(30, "0") + "3", body: "abc"),
        .mirrored("abc")),
      serve(
        "a body that looks like a request",
        post("Content-Length: 18", body: "GET / HTTP/1.1\r\n\r\n"),
        .mirrored("GET / HTTP/1.1\r\n\r\n")),
      serve(
        "a body of any bytes", post("Content-Length: 5", body: "\u{0}\u{ff}\r\n\u{80}"),
        .mirrored("\u{0}\u{ff}\r\n\u{80}")),
      refuse("a plus sign", post("Content-Length: +3", body: "abc")),
      refuse("a minus sign", post("Content-Length: -3", body: "abc")),
      refuse("minus zero", post("Content-Length: -0")),
      refuse("nothing", post("Content-Length:", body: "abc")),
      refuse("spaces", post("Content-Length:  ", body: "abc")),
      refuse("a space inside", post("Content-Length: 3 3", body: "abc")),
      refuse("a tab inside", post("Content-Length: 3\t3", body: "abc")),
      refuse("a list", post("Content-Length: 3, 3", body: "abc")),
      refuse("a list without spaces", post("Content-Length: 3,3", body: "abc")),
      refuse("a list that ends in a comma", post("Content-Length: 3,", body: "abc")),
      refuse("a list that begins with a comma", post("Content-Length: ,3", body: "abc")),
      refuse("hexadecimal", post("Content-Length: 0x3", body: "abc")),
      refuse("a hexadecimal digit", post("Content-Length: a", body: "0123456789")),
      refuse("a decimal point", post("Content-Length: 3.0", body: "abc")),
      refuse("a decimal comma", post("Content-Length: 3;", body: "abc")),
      refuse("an exponent", post("Content-Length: 3e0", body: "abc")),
      refuse("an underscore", post("Content-Length: 1_0", body: "0123456789")),
      refuse("quotes", post("Content-Length: \"3\"", body: "abc")),
      refuse("a word", post("Content-Length: three", body: "abc")),
      refuse("Arabic digits in UTF-8", post("Content-Length: \u{d9}\u{a3}", body: "abc")),
      refuse("wide digits in UTF-8", post("Content-Length: \u{ef}\u{bc}\u{93}", body: "abc")),
      refuse("a superscript of Latin-1", post("Content-Length: \u{b3}", body: "abc")),
      refuse("2^31", post("Content-Length: 2147483648"), 413),
      refuse("2^32 and 3, were it to wrap at 32 bits", post("Content-Length: 4294967299"), 413),
      refuse("2^63 - 1", post("Content-Length: 9223372036854775807"), 413),
      refuse("2^63", post("Content-Length: 9223372036854775808")),
      refuse(
        "2^64 and 3, were it to wrap at 64 bits", post("Content-Length: 18446744073709551619")),
      refuse(
        "2^128 and 3", post("Content-Length: 340282366920938463463374607431768211459")),
      refuse("a hundred digits", post("Content-Length: " + fill(100, "9"))),
      refuse("a bad one on a GET", get("/plaintext", "Content-Length: x")),
      refuse(
        "a bad one on a HEAD", ask("HEAD", "/plaintext", "Content-Length: -1"), toHead: true),
      refuse("a bad one in HTTP/1.0", "POST /mirror HTTP/1.0\r\nContent-Length: +3\r\n\r\nabc"),
    ]),
  Rule(
    "Several Content-Length lines are refused, equal or not", "9112 §6.3",
    [
      refuse("that differ", post("Content-Length: 3", "Content-Length: 4", body: "abc")),
      refuse("that are equal", post("Content-Length: 3", "Content-Length: 3", body: "abc")),
      refuse("of which one is zero", post("Content-Length: 0", "Content-Length: 18", body: get())),
      refuse("in other letters", post("Content-Length: 3", "content-length: 3", body: "abc")),
      refuse("apart", post("Content-Length: 3", "X: y", "Content-Length: 3", body: "abc")),
      refuse("that are zero", post("Content-Length: 0", "Content-Length: 0")),
      refuse("of which one is empty", post("Content-Length: 3", "Content-Length:", body: "abc")),
    ]),
  Rule(
    "Content-Length and Transfer-Encoding together are refused", "9112 §6.1",
    [
      refuse(
        "the length first",
        post("Content-Length: 6", "Transfer-Encoding: chunked", body: "0\r\n\r\nG")),
      refuse(
        "the coding first",
        post("Transfer-Encoding: chunked", "Content-Length: 6", body: "0\r\n\r\nG")),
      refuse(
        "a length of zero", post("Content-Length: 0", "Transfer-Encoding: chunked", body: end)),
      refuse(
        "the right length", post("Content-Length: 5", "Transfer-Encoding: chunked", body: end)),
      refuse(
        "an unknown coding", post("Content-Length: 3", "Transfer-Encoding: identity", body: "abc")),
      refuse(
        "an empty coding", post("Content-Length: 3", "Transfer-Encoding:", body: "abc")),
      refuse(
        "on a GET", get("/plaintext", "Content-Length: 5", "Transfer-Encoding: chunked") + end),
      refuse(
        "in HTTP/1.0",
        "POST /mirror HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + end),
    ]),
  Rule(
    "Transfer-Encoding that is `chunked` and nothing else, in any case, is read as chunks",
    "9112 §6.1",
    [
      serve("small letters", chunked("3\r\nabc\r\n" + end), .mirrored("abc").to("POST /mirror")),
      serve("capitals", post("Transfer-Encoding: CHUNKED", body: end), .mirrored("")),
      serve("both", post("TRANSFER-encoding: Chunked", body: end), .mirrored("")),
      serve("blanks around it", post("Transfer-Encoding:\tchunked \t", body: end), .mirrored("")),
      serve("no blanks around it", post("Transfer-Encoding:chunked", body: end), .mirrored("")),
      serve(
        "on a GET", get("/plaintext", "Transfer-Encoding: chunked") + "1\r\nx\r\n" + end + get(),
        .hello, .hello),
    ]),
  Rule(
    "Another coding is 501; a list with chunked twice or not last, or that is no list, is 400",
    "9112 §6.1, §6.3, §7",
    [
      refuse("gzip", coded("gzip"), 501),
      refuse("gzip and chunked", coded("gzip, chunked"), 501),
      refuse("gzip and chunked in two lines", coded("gzip\r\nTransfer-Encoding: chunked"), 501),
      refuse("identity", coded("identity"), 501),
      refuse("identity and chunked", coded("identity, chunked"), 501),
      refuse("a word that ends in chunked", coded("xchunked"), 501),
      refuse("a word that begins with chunked", coded("chunkedx"), 501),
      refuse("chunk", coded("chunk"), 501),
      refuse("a coding with a parameter", coded("gzip;q=1, chunked"), 501),
      refuse("chunked twice", coded("chunked, chunked")),
      refuse("chunked twice in two lines", coded("chunked\r\nTransfer-Encoding: chunked")),
      refuse("chunked and identity", coded("chunked, identity")),
      refuse("chunked and gzip", coded("chunked, gzip")),
      refuse("chunked and identity in two lines", coded("chunked\r\nTransfer-Encoding: identity")),
      refuse("identity and chunked, twice", coded("chunked, gzip, chunked")),
      refuse("chunked with a parameter", coded("chunked;q=1")),
      refuse("chunked with an empty parameter", coded("chunked;")),
      refuse("chunked and a comma", coded("chunked,")),
      refuse("a comma and chunked", coded(",chunked")),
      refuse("two commas", coded("gzip,,chunked")),
      refuse("nothing", coded("")),
      refuse("nothing, then chunked in a second line", coded("\r\nTransfer-Encoding: chunked")),
      refuse("quotes", coded("\"chunked\"")),
      refuse("a blank inside", coded("chun ked")),
      refuse("two words", coded("chunked chunked")),
      refuse("a colon", coded(": chunked")),
      refuse("a byte above ASCII", coded("chunked\u{ff}")),
      refuse("a control", coded("x\u{1}, chunked")),
      refuse("a parameter without a name", coded("gzip;=1, chunked")),
      refuse("a parameter without a value", coded("gzip;a=, chunked")),
      refuse("a parameter that is empty", coded("gzip;, chunked")),
    ]),
  Rule(
    "HTTP/1.0 has no Transfer-Encoding", "9112 §6.1",
    [
      refuse(
        "chunked", "POST /mirror HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + end),
      refuse(
        "chunked, kept alive",
        "POST /mirror HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
          + end),
      refuse("on a GET", "GET /plaintext HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + end),
    ]),
  Rule(
    "A chunk's size is 1 to 16 hexadecimal digits, with nothing before and only extensions behind",
    "9112 §7.1",
    [
      serve("no chunk", chunked(end) + get(), .mirrored(""), .hello),
      serve("two chunks", chunked("3\r\nabc\r\n2\r\nde\r\n" + end), .mirrored("abcde")),
      serve("small and large letters", chunked(tens), .mirrored("01234567890123456789")),
      serve("leading zeros", chunked("0003\r\nabc\r\n0000\r\n\r\n"), .mirrored("abc")),
      serve("sixteen digits", chunked("0000000000000003\r\nabc\r\n" + end), .mirrored("abc")),
      serve("data that looks like chunks", chunked("5\r\n" + end + "\r\n" + end), .mirrored(end)),
      serve("data that is a line end", chunked("2\r\n\r\n\r\n" + end), .mirrored("\r\n")),
      refuse("seventeen digits", chunked("00000000000000003\r\nabc\r\n" + end)),
      refuse("no digits", chunked("\r\nabc\r\n" + end)),
      refuse("extensions alone", chunked(";a\r\nabc\r\n" + end)),
      refuse("a space before", chunked(" 3\r\nabc\r\n" + end)),
      refuse("a space behind", chunked("3 \r\nabc\r\n" + end)),
      refuse("a tab behind", chunked("3\t\r\nabc\r\n" + end)),
      refuse("a space inside", chunked("0 3\r\nabc\r\n" + end)),
      refuse("a plus sign", chunked("+3\r\nabc\r\n" + end)),
      refuse("a minus sign", chunked("-3\r\nabc\r\n" + end)),
      refuse("0x", chunked("0x3\r\nabc\r\n" + end)),
      refuse("a letter that is no digit", chunked("g\r\nabc\r\n" + end)),
      refuse("a letter behind the digits", chunked("3h\r\nabc\r\n" + end)),
      refuse("an underscore", chunked("0_3\r\nabc\r\n" + end)),
      refuse("a decimal point", chunked("3.0\r\nabc\r\n" + end)),
      refuse("a byte above ASCII", chunked("3\u{ff}\r\nabc\r\n" + end)),
      refuse("a NUL", chunked("\u{0}3\r\nabc\r\n" + end)),
      refuse("2^64 - 1", chunked("ffffffffffffffff\r\nabc"), 413),
      refuse("2^63 - 1", chunked("7fffffffffffffff\r\nabc"), 413),
      refuse("2^63", chunked("8000000000000000\r\nabc"), 413),
      refuse("2^32 and 3, were it to wrap at 32 bits", chunked("100000003\r\nabc\r\n" + end), 413),
      refuse("2^64 and 3, were it to wrap at 64 bits", chunked("10000000000000003\r\nabc")),
      refuse("2^64 - 1 behind a first chunk", chunked("3\r\nabc\r\nffffffffffffffff\r\n"), 413),
    ]),
  Rule(
    "A chunk's extension is `;name` or `;name=value`, a token or a quoted string; it is dropped",
    "9112 §7.1.1",
    [
      serve("a name", chunked("3;a\r\nabc\r\n" + end), .mirrored("abc")),
      serve("a name and a token", chunked("3;a=b\r\nabc\r\n" + end), .mirrored("abc")),
      serve("several", chunked("3;a;b=c;d=\"e\"\r\nabc\r\n" + end), .mirrored("abc")),
      serve("at the last chunk", chunked("3\r\nabc\r\n0;a=b\r\n\r\n"), .mirrored("abc")),
      serve("an empty quoted string", chunked("3;a=\"\"\r\nabc\r\n" + end), .mirrored("abc")),
      serve("signs in quotes", chunked("3;a=\"b;c=d, \t\"\r\nabc\r\n" + end), .mirrored("abc")),
      serve("a quoted pair", chunked("3;a=\"\\\"\\\\\"\r\nabc\r\n" + end), .mirrored("abc")),
      serve(
        "bytes of Latin-1 in quotes", chunked("3;a=\"\u{e9}\"\r\nabc\r\n" + end), .mirrored("abc")),
      refuse("no name", chunked("3;\r\nabc\r\n" + end)),
      refuse("no name, then one", chunked("3;;a\r\nabc\r\n" + end)),
      refuse("no name before the value", chunked("3;=b\r\nabc\r\n" + end)),
      refuse("no value", chunked("3;a=\r\nabc\r\n" + end)),
      refuse("a space in a name", chunked("3;a b\r\nabc\r\n" + end)),
      refuse("a space before the semicolon", chunked("3 ;a\r\nabc\r\n" + end)),
      refuse("a space behind the semicolon", chunked("3; a\r\nabc\r\n" + end)),
      refuse("a space behind a value", chunked("3;a=b \r\nabc\r\n" + end)),
      refuse("a quoted string left open", chunked("3;a=\"b\r\nabc\r\n" + end)),
      refuse("a quoted string that a line end cuts", chunked("3;a=\"b\r\n\"\r\nabc\r\n" + end)),
      refuse("letters behind a quoted string", chunked("3;a=\"b\"c\r\nabc\r\n" + end)),
      refuse("a control in quotes", chunked("3;a=\"\u{1}\"\r\nabc\r\n" + end)),
      refuse("a NUL", chunked("3;a\u{0}\r\nabc\r\n" + end)),
      refuse("a comma", chunked("3,a\r\nabc\r\n" + end)),
      refuse("a bare LF behind it", chunked("3;a\nabc\r\n" + end)),
      refuse("a bare LF that hides a chunk", chunked("3;a\n0\r\n\r\n")),
      refuse("a bare LF in quotes", chunked("3;a=\"\n\"\r\nabc\r\n" + end)),
      refuse("a bare CR", chunked("3;a\rb\r\nabc\r\n" + end)),
    ]),
  Rule(
    "Chunk lines and chunk data end in CR LF and nothing else", "9112 §7.1, §2.2",
    [
      refuse("a bare LF behind the size", chunked("3\nabc\r\n" + end)),
      refuse("a bare CR behind the size", chunked("3\rabc\r\n" + end)),
      refuse("CR CR LF behind the size", chunked("3\r\r\nabc\r\n" + end)),
      refuse("a bare LF behind the data", chunked("3\r\nabc\n" + end)),
      refuse("a bare CR behind the data", chunked("3\r\nabc\r" + end)),
      refuse("nothing behind the data", chunked("3\r\nabc" + end)),
      refuse("a space behind the data", chunked("3\r\nabc \r\n" + end)),
      refuse("two letters for it", chunked("3\r\nabcXX" + end)),
      refuse("more data than said", chunked("3\r\nabcd\r\n" + end)),
      refuse("less data than said", chunked("3\r\nab\r\n" + end)),
      refuse("LF CR behind the data", chunked("3\r\nabc\n\r" + end)),
      refuse("a bare LF behind the last size", chunked("0\n\r\n")),
      refuse("a bare LF at the very end", chunked("0\r\n\n")),
      refuse("bare LFs throughout", chunked("3\nabc\n0\n\n")),
      refuse("CR and a letter at the very end", chunked("0\r\n\rX")),
    ]),
  Rule(
    "Trailers follow the rules of fields and are dropped: they change nothing",
    "9112 §7.1.2, 9110 §6.5",
    [
      serve("one", chunked("3\r\nabc\r\n0\r\nX: y\r\n\r\n"), .mirrored("abc").having("X")),
      serve("several", chunked("0\r\nX: y\r\nX: z\r\nA:\r\n\r\n"), .mirrored("").having("X")),
      serve(
        "a length", chunked("3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n") + get(),
        .mirrored("abc").having("Content-Length"), .hello),
      serve(
        "a coding", chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n") + get(),
        .mirrored(""), .hello),
      serve("a host", chunked("0\r\nHost: b\r\n\r\n"), .mirrored("").having("Host", "a")),
      serve(
        "credentials", chunked("0\r\nAuthorization: Bearer x\r\n\r\n"),
        .mirrored("").having("Authorization")),
      serve(
        "close", chunked("0\r\nConnection: close\r\n\r\n") + get(), .mirrored(""), .hello),
      refuse("a space before the colon", chunked("0\r\nX : y\r\n\r\n")),
      refuse("a folded line", chunked("0\r\nX: y\r\n z\r\n\r\n")),
      refuse("a space first", chunked("0\r\n X: y\r\n\r\n")),
      refuse("no colon", chunked("0\r\nX\r\n\r\n")),
      refuse("a request for one", chunked("0\r\nGET /plaintext HTTP/1.1\r\n\r\n")),
      refuse("no name", chunked("0\r\n: y\r\n\r\n")),
      refuse("a bare LF", chunked("0\r\nX: y\nZ: a\r\n\r\n")),
      refuse("a bare CR", chunked("0\r\nX: y\rZ: a\r\n\r\n")),
      refuse("a NUL", chunked("0\r\nX: \u{0}\r\n\r\n")),
      refuse("a control in the name", chunked("0\r\nX\u{1}: y\r\n\r\n")),
    ]),
  Rule(
    "A body that is cut short is refused; its handler never sees it", "9112 §8",
    [
      wait("before its first byte", post("Content-Length: 3")),
      wait("before its last byte", post("Content-Length: 3", body: "ab")),
      wait("in a chunk's size", chunked("3")),
      wait("behind a chunk's size", chunked("3\r\n")),
      wait("in a chunk's data", chunked("3\r\nab")),
      wait("behind a chunk's data", chunked("3\r\nabc\r\n")),
      wait("before the last chunk's end", chunked("3\r\nabc\r\n0\r\n")),
      wait("in a trailer", chunked("0\r\nX: y\r\n")),
      wait(
        "behind a whole one", post(length: 1) + post("Content-Length: 3"), after: .mirrored("x")),
    ]),
  Rule(
    "A body that no handler reads is read to its end before the next request",
    "9112 §9.3",
    [
      serve("404", ask("POST", "/none", "Content-Length: 3") + "abc" + get(), .notFound, .hello),
      serve(
        "404, chunked",
        ask("POST", "/none", "Transfer-Encoding: chunked") + "3\r\nabc\r\n" + end + get(),
        .notFound, .hello),
      serve(
        "404 with a request for a body",
        ask("POST", "/none", "Content-Length: 18")
          + "GET / HTTP/1.1\r\n\r\n" + get(), .notFound, .hello),
      serve(
        "405", ask("DELETE", "/mirror", "Content-Length: 3") + "abc" + get(),
        .notAllowed("POST, OPTIONS"), .hello),
      serve(
        "405, chunked",
        ask("PUT", "/mirror", "Transfer-Encoding: chunked") + "3\r\nabc\r\n" + end + get(),
        .notAllowed("POST, OPTIONS"), .hello),
      serve("GET", get("/plaintext", "Content-Length: 3") + "abc" + get(), .hello, .hello),
      serve(
        "HEAD", ask("HEAD", "/plaintext", "Content-Length: 3") + "abc" + get(),
        .helloHead, .hello),
      serve(
        "OPTIONS", ask("OPTIONS", "/mirror", "Content-Length: 3") + "abc" + get(),
        .allowing("POST, OPTIONS"), .hello),
      serve(
        "OPTIONS *", ask("OPTIONS", "*", "Content-Length: 3") + "abc" + get(),
        .allowing("GET, HEAD, POST, OPTIONS"), .hello),
      serve(
        "TRACE", ask("TRACE", "/plaintext", "Content-Length: 3") + "abc" + get(),
        .notAllowed("GET, HEAD, OPTIONS"), .hello),
      serve(
        "a handler that suspends",
        get("/plaintext-async", "Content-Length: 3") + "abc" + get(), .hello, .hello),
      serve(
        "as long as the server reads on",
        ask("POST", "/none", "Content-Length: 262144")
          + fill(262_144) + get(), .notFound, .hello),
      dialogue(
        "longer than that: the answer comes at once and says close",
        .send(ask("POST", "/none", "Content-Length: 262145")), .answer(.notFound.closing), .end),
      dialogue(
        "longer than that, from a client that asked for the end, and goes on sending",
        .send(ask("POST", "/none", "Connection: close", "Content-Length: 300000")),
        .answer(.notFound.closing), .deliver(fill(200_000)), .end),
      dialogue(
        "longer than that, in HTTP/1.0, and the client goes on sending",
        .send("POST /none HTTP/1.0\r\nContent-Length: 300000\r\n\r\n"),
        .answer(.notFound.closing), .deliver(fill(200_000)), .end),
      dialogue(
        "longer than that, 405",
        .send(ask("PUT", "/mirror", "Content-Length: 1048576")),
        .answer(.notAllowed("POST, OPTIONS").closing), .end),
      dialogue(
        "longer than that, and some of it is here",
        .send(ask("POST", "/none", "Content-Length: 300000") + fill(200_000)),
        .answer(.notFound.closing), .end),
      dialogue(
        "a chunk longer than that",
        .send(ask("POST", "/none", "Transfer-Encoding: chunked") + "40001\r\n"), .refusal(413),
        .end),
    ]),
  Rule(
    "Nothing behind a framing error is served", "9112 §9.6, §11.2",
    [
      refuse(
        "a request in a body of two lengths",
        post("Content-Length: 0", "Content-Length: 70", body: get())),
      refuse(
        "a request behind chunks that a length hides",
        post("Content-Length: 4", "Transfer-Encoding: chunked", body: "5c\r\n" + get() + end)),
      refuse(
        "a request in a chunk whose line ends in LF",
        chunked("2\r\nxx\n0\r\n\r\n" + get())),
      refuse(
        "a request behind one byte too many", post("Content-Length: 2", body: "xxx") + get(), 501,
        after: .mirrored("xx")),
      refuse(
        "a request behind an unknown coding",
        post("Transfer-Encoding: xchunked", body: end + get()), 501),
      refuse(
        "a request behind a size that overflows",
        chunked("ffffffffffffffff0\r\n" + get())),
    ]),
]

private let end = "0\r\n\r\n"
private let tens = "a\r\n0123456789\r\nA\r\n0123456789\r\n" + end

private func coded(_ codings: String) -> String {
  post("Transfer-Encoding: " + codings, body: end)
}
