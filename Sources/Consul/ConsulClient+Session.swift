/// Who holds a key's lock.
package struct KeyLock: Sendable, Equatable {
  /// Nil while nobody holds it.
  package let session: String?
  /// How often the key was locked: with the session's id it tells one term from every other.
  package let lockIndex: UInt64
  /// What the holder wrote; nil for a key that is not there.
  package let value: String?
  /// X-Consul-Index; 0 if absent or unreadable.
  package let index: UInt64
  /// False while the agent's cluster has no leader: the answer may be old.
  package let hasLeader: Bool
}

extension ConsulClient {
  private struct SessionBody: Encodable {
    let name: String
    let ttl: String
    let lockDelay: String
    let behavior = "release"
  }

  private struct SessionAnswer: Decodable { let id: String }

  /// `PUT /v1/session/create`. It ends when it is not renewed for `ttl` (Consul takes up to twice that),
  /// and with its node; the locks it holds are then free, after `lockDelay`.
  ///
  /// - Parameters:
  ///   - name: for people.
  ///   - ttl: 10 s through 24 h.
  /// - Returns: its id.
  func createSession(name: String, ttl: Duration, lockDelay: Duration) async throws -> String {
    let body = SessionBody(name: name, ttl: Self.text(ttl), lockDelay: Self.text(lockDelay))
    let answer = try await send(
      .put, ["session", "create"], body: try ConsulJSON.encode(body))
    return try decode(SessionAnswer.self, answer).id
  }

  /// `PUT /v1/session/renew/:id`.
  ///
  /// - Throws: `ConsulError.notFound` for a session that has ended.
  func renewSession(_ id: String, timeout: Duration) async throws {
    _ = try await send(.put, ["session", "renew", id], timeout: timeout)
  }

  /// `PUT /v1/session/destroy/:id`; one that has ended is success.
  func destroySession(_ id: String, timeout: Duration) async throws {
    _ = try await send(.put, ["session", "destroy", id], timeout: timeout)
  }

  /// `PUT /v1/kv/:key?acquire=`: takes the key's lock and writes `value`, if the lock is free.
  func acquire(_ key: String, session: String, value: String) async throws -> Bool {
    let answer = try await send(
      .put, ["kv"] + Self.parts(of: key), query: [("acquire", session)], body: Array(value.utf8))
    return try decode(Bool.self, answer)
  }

  /// `PUT /v1/kv/:key?release=`: gives the lock back; it is free at once, without the delay.
  func release(_ key: String, session: String, timeout: Duration) async throws {
    _ = try await send(
      .put, ["kv"] + Self.parts(of: key), query: [("release", session)], timeout: timeout)
  }

  /// `GET /v1/kv/:key`: who holds its lock.
  ///
  /// - Parameter index: of the answer last seen: the agent waits for a newer one, up to `wait`. 0 answers
  ///   at once.
  func lock(
    of key: String, index: UInt64 = 0, wait: Duration = .seconds(55)
  ) async throws -> KeyLock {
    struct Entry: Decodable {
      let lockIndex: UInt64
      let session: String?
      let value: String?
    }
    let isBlocking = index > 0
    let response = try await sendAllowingAbsence(
      ["kv"] + Self.parts(of: key),
      query: [
        ("index", isBlocking ? "\(index)" : nil), ("wait", isBlocking ? Self.text(wait) : nil),
      ],
      timeout: isBlocking ? Self.pollTimeout(wait) : Self.plainTimeout)
    let entry =
      response.status == .notFound ? nil : try decode([Entry].self, response).first
    return KeyLock(
      session: entry?.session, lockIndex: entry?.lockIndex ?? 0,
      value: entry?.value.flatMap(Self.text(base64:)),
      index: response.fields["X-Consul-Index"].flatMap { UInt64($0) } ?? 0,
      hasLeader: response.fields["X-Consul-KnownLeader"]?.lowercased() != "false")
  }
}
