import EventLoops

/// Every kind of hostile load, one after the other.
struct Suite {
  /// The server's limits of 3 s are looked after in steps of 1 s and so kept at most two steps late;
  /// the third second is for a busy machine.
  private static let cutMax: Duration = .seconds(6)
  /// The last of some hundred clients connects a moment before the wait for their end begins.
  private static let cutMin: Duration = .milliseconds(2500)

  let program: String
  let loop: EventLoop

  /// - Returns: the rows of the table.
  func run() async throws -> [Row] {
    let server = try ServerProcess(program)
    defer { server.stop() }
    let scenario = Scenario(server, on: loop)
    _ = try await warmUp(scenario)
    var rows = [
      try await slowHeads(scenario), try await slowBodies(scenario),
      try await neverReading(scenario), try await resets(scenario),
      try await pipelines(scenario), try await halfClosed(scenario),
      try await outOfDescriptors(scenario),
    ]
    let small = try ServerProcess(program, descriptorsMax: 128)
    defer { small.stop() }
    let smallScenario = Scenario(small, on: loop)
    _ = try await warmUp(smallScenario)
    rows.append(try await fewDescriptors(smallScenario))
    return rows
  }

  private func warmUp(_ scenario: Scenario) async throws -> Row {
    try await scenario.run("warm-up") { _ in try await loop.sleep(for: .milliseconds(300)) }
  }

  private func slowHeads(_ scenario: Scenario) async throws -> Row {
    try await scenario.run("slow heads") { row in
      let script = Script(opening: bytes("GET / HTTP/1.1\r\nHost: a\r\nX: "), drips: true)
      let clients = try scenario.clients(500, script, in: &row)
      try await scenario.waitForCut(&row, atMost: Self.cutMax)
      let told = try await scenario.told(408, clients, in: &row)
      row.remark = "\(told) told 408"
      for client in clients { client.close() }
    }
  }

  private func slowBodies(_ scenario: Scenario) async throws -> Row {
    try await scenario.run("slow bodies") { row in
      let head = "POST /mirror HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
      let clients = try scenario.clients(500, Script(opening: bytes(head), drips: true), in: &row)
      try await scenario.waitForCut(&row, atMost: Self.cutMax)
      let told = try await scenario.told(408, clients, in: &row)
      row.remark = "\(told) told 408"
      for client in clients { client.close() }
    }
  }

  private func neverReading(_ scenario: Scenario) async throws -> Row {
    // Unsent and read ahead, by the server's limits; and of an upload its body and that again as answer.
    let growthMax = 450 * (256 + 64) * 1024 + 50 * 2 * 1024 * 1024
    var row = try await scenario.run("never read") { row in
      func script(_ opening: String) -> Script {
        Script(opening: bytes(opening), reads: false, hasSmallBuffer: true)
      }
      let mebibyte = 1024 * 1024
      let upload =
        "POST /mirror HTTP/1.1\r\nHost: a\r\nContent-Length: \(mebibyte)\r\n\r\n"
        + String(repeating: "x", count: mebibyte)
      var clients = try scenario.clients(200, script(get("/endless")), in: &row)
      clients += try scenario.clients(
        200, script(String(repeating: get("/plaintext"), count: 10_000)), in: &row)
      clients += try scenario.clients(50, script(upload + upload), in: &row)
      try await scenario.waitForCut(&row, atLeast: Self.cutMin, atMost: Self.cutMax)
      for client in clients { client.close() }
    }
    let growth = row.residentBytes.peak - row.residentBytes.before
    row.expect(growth <= growthMax, "the server took \(growth >> 20) MiB, not \(growthMax >> 20)")
    return row
  }

  private func resets(_ scenario: Scenario) async throws -> Row {
    try await scenario.run("connect, reset") { row in
      let wave = 1000
      var refused = 0
      for _ in 0..<10 {
        let clients =
          try scenario.clients(wave / 2, Script(opening: bytes("GET / HT"), resets: true), in: &row)
          + scenario.clients(
            wave / 2, Script(opening: bytes(get("/slow?ms=9")), resets: true), in: &row)
        let time = try await scenario.wait(atMost: .seconds(5)) {
          clients.allSatisfy { $0.state == .reset || $0.state == .refused }
        }
        row.expect(time != nil, "not all were accepted within 5 s")
        refused += clients.count { $0.state == .refused }
        for client in clients { client.close() }
      }
      row.remark = "\(refused) refused"
      row.expect(refused == 0, "\(refused) were refused")
      try await scenario.waitForCut(&row, atMost: Self.cutMax)
    }
  }

  private func pipelines(_ scenario: Scenario) async throws -> Row {
    try await scenario.run("10,000 pipelined") { row in
      let count = 10_000
      let requests = (0..<count).map { number in
        "POST /mirror HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n\(number + 10_000)"
      }
      let script = Script(opening: bytes(requests.joined()))
      let clients = try scenario.clients(10, script, in: &row)
      let time = try await scenario.wait(atMost: .seconds(20)) {
        clients.allSatisfy { $0.state == .ended || $0.state == .reset }
      }
      let answers = clients.map { bodies(of: $0.received) }
      let whole = (0..<count).map { "\($0 + 10_000)" }
      row.expect(time != nil, "not all were answered within 20 s")
      row.expect(answers.allSatisfy { $0 == whole }, "answers are missing or out of order")
      row.remark = "\(answers.map(\.count).reduce(0, +)) answers in order"
      for client in clients { client.close() }
    }
  }

  private func halfClosed(_ scenario: Scenario) async throws -> Row {
    try await scenario.run("half-closed") { row in
      func script(_ opening: String, reads: Bool = true) -> Script {
        Script(
          opening: bytes(opening), reads: reads, hasSmallBuffer: !reads, halfCloses: true)
      }
      // No more than bench-server lets work at once.
      let whole = try scenario.clients(250, script(get("/slow?ms=50")), in: &row)
      let cut = try scenario.clients(300, script("GET /plaintext HT"), in: &row)
      let silent = try scenario.clients(100, script(""), in: &row)
      let deaf = try scenario.clients(100, script(get("/endless"), reads: false), in: &row)
      try await scenario.waitForCut(&row, atMost: Self.cutMax)
      let answered = try await scenario.told(200, whole, in: &row)
      let refused = try await scenario.told(400, cut, in: &row)
      row.remark = "\(answered) answered, \(refused) told 400"
      for client in whole + cut + silent + deaf { client.close() }
    }
  }

  /// The limit falls below what the server counted on: `accept` fails with EMFILE.
  private func outOfDescriptors(_ scenario: Scenario) async throws -> Row {
    try await scenario.run("out of descriptors", reconnects: false) { row in
      let server = scenario.server
      try server.limitDescriptors(to: row.descriptors.before + 50)
      try await crowd(scenario, &row)
      try server.limitDescriptors(to: 1024)
    }
  }

  /// `ulimit -n 128` from the start: accepting pauses at four fifths of it.
  private func fewDescriptors(_ scenario: Scenario) async throws -> Row {
    try await scenario.run("ulimit -n 128", reconnects: false) { row in
      try await crowd(scenario, &row)
    }
  }

  /// More silent clients than the server has descriptors for, which must cost it nothing; those that
  /// come when they have gone are served.
  private func crowd(_ scenario: Scenario, _ row: inout Row) async throws {
    let server = scenario.server
    let clients = try scenario.clients(300, Script(), in: &row)
    let spent = try server.processorSeconds
    try await loop.sleep(for: .seconds(2))
    let share = (try server.processorSeconds - spent) / 2
    row.remark = "\(Int(share * 100)) % of a processor"
    row.expect(share < 0.3, "the server spins: \(Int(share * 100)) % of a processor")
    for client in clients { client.close() }
    let late = try scenario.clients(10, Script(opening: bytes(get("/plaintext"))), in: &row)
    let time = try await scenario.wait(atMost: .seconds(5)) {
      late.allSatisfy { !$0.received.isEmpty }
    }
    row.expect(time != nil, "those who come later are not served")
    for client in late { client.close() }
  }
}

private func get(_ path: String) -> String { "GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n" }

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The bodies, of 5 bytes each, of a pipeline's answers.
private func bodies(of answers: [UInt8]) -> [String] {
  let end = Array("\r\n\r\n".utf8)
  var bodies: [String] = []
  var position = 0
  while position + end.count + 5 <= answers.count {
    if answers[position] == end[0], answers[position..<(position + 4)].elementsEqual(end) {
      bodies.append(String(decoding: answers[(position + 4)..<(position + 9)], as: UTF8.self))
      position += 9
    } else {
      position += 1
    }
  }
  return bodies
}
