import Foundation
import Resilience
import SharedKernel
import Synchronization

/// The user service's public keys as last published, fetched anew when a token names a key that is
/// not among them. The last good set is kept while the user service is down.
final class UserKeySet: Sendable {
  /// A key that nobody has is no reason to ask again before this has passed.
  static let refreshInterval: Duration = .seconds(30)
  /// After a fetch that failed.
  static let retryInterval: Duration = .seconds(1)
  /// The same while no set was ever had: the user service may be starting beside this one.
  static let firstRetryInterval: Duration = .milliseconds(100)
  /// How long a request waits for the first set, its own deadline permitting.
  static let firstWaitMax: Duration = .seconds(2)
  static let documentBytesMax = 64 * 1024
  static let keysMax = 32
  /// Requests that wait for one fetch; more are told that the keys cannot be had.
  static let waitingMax = 4096

  private struct State {
    /// nil until a set has been had.
    var keys: [String: VerifyingKey]?
    var nextFetch: Timestamp?
    var isFetching = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private enum Step {
    case use(VerifyingKey)
    case fetch, wait
    case refuse(AuthenticationFailure)
  }

  private let fetch: @Sendable () async throws -> [UInt8]
  private let firstWaitMax: Duration
  private let now: @Sendable () -> Timestamp
  private let keysRemoved: @Sendable () -> Void
  private let state = Mutex(State())

  /// - Parameters:
  ///   - fetch: gets the document of `/.well-known/jwks.json`, in bounded time.
  ///   - firstWaitMax: how long a request waits for the first set.
  ///   - keysRemoved: called when a key is no longer published: what it signed is void.
  init(
    now: @escaping @Sendable () -> Timestamp, firstWaitMax: Duration = firstWaitMax,
    keysRemoved: @escaping @Sendable () -> Void,
    fetch: @escaping @Sendable () async throws -> [UInt8]
  ) {
    self.now = now
    self.firstWaitMax = firstWaitMax
    self.keysRemoved = keysRemoved
    self.fetch = fetch
  }

  /// The key that is published under this id.
  ///
  /// - Throws: `.unknownKey`; `.keysUnavailable` when no set has ever been had, nor came in time.
  func key(_ id: String) async throws(AuthenticationFailure) -> VerifyingKey {
    let left = Deadline.current?.remaining(at: MonotonicClock().now) ?? firstWaitMax
    let patience = ContinuousClock.now + min(left, firstWaitMax)
    while true {
      switch nextStep(for: id) {
      case .use(let key): return key
      case .refuse(.keysUnavailable) where ContinuousClock.now < patience:
        do {
          try await Task.sleep(for: Self.firstRetryInterval)
        } catch {
          throw .keysUnavailable
        }
      case .refuse(let failure): throw failure
      case .wait: await fetchInProgress()
      case .fetch:
        do {
          try await fetchAndFinish()
        } catch is CancellationError {
          // Whoever asked is gone, and would be told to fetch again for ever.
          throw .keysUnavailable
        } catch {
          // The next turn of the loop says what is left: the last good set, or none.
          continue
        }
      }
    }
  }

  /// Fetches the set now, whatever is known; a fetch under way is waited for instead.
  ///
  /// - Throws: what the fetch throws, or `AuthenticationFailure.malformed`.
  func refresh() async throws {
    let isFirst = state.withLock { state in
      if state.isFetching { return false }
      state.isFetching = true
      return true
    }
    if isFirst { try await fetchAndFinish() } else { await fetchInProgress() }
  }

  private func nextStep(for id: String) -> Step {
    let now = now()
    return state.withLock { state in
      if let key = state.keys?[id] { return .use(key) }
      if state.isFetching {
        return state.waiting.count < Self.waitingMax ? .wait : .refuse(.keysUnavailable)
      }
      // A time too far ahead is left from before the clock was set back.
      if let nextFetch = state.nextFetch, now < nextFetch, nextFetch <= now + Self.refreshInterval {
        return .refuse(state.keys == nil ? .keysUnavailable : .unknownKey)
      }
      state.isFetching = true
      return .fetch
    }
  }

  private func fetchInProgress() async {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if state.isFetching { state.waiting.append(continuation) }
        return !state.isFetching
      }
      if isOver { continuation.resume() }
    }
  }

  /// - Precondition: `isFetching` was set by the caller.
  private func fetchAndFinish() async throws {
    do {
      let keys = try UserKeyDocument.keys(in: await fetch())
      finish(keys, nextFetch: now() + Self.refreshInterval)
    } catch is CancellationError {
      // The request that asked is gone; that says nothing about the user service.
      finish(nil, nextFetch: nil)
      throw CancellationError()
    } catch {
      let hasKeys = state.withLock { $0.keys != nil }
      finish(nil, nextFetch: now() + (hasKeys ? Self.retryInterval : Self.firstRetryInterval))
      throw error
    }
  }

  private func finish(_ keys: [String: VerifyingKey]?, nextFetch: Timestamp?) {
    let (waiting, isRemoval) = state.withLock { state in
      var isRemoval = false
      if let keys {
        isRemoval = state.keys?.contains { keys[$0.key]?.rawBytes != $0.value.rawBytes } ?? false
        state.keys = keys
      }
      state.nextFetch = nextFetch
      state.isFetching = false
      defer { state.waiting = [] }
      return (state.waiting, isRemoval)
    }
    if isRemoval { keysRemoved() }
    for continuation in waiting { continuation.resume() }
  }
}

/// The JSON Web Key Set (RFC 7517 section 5) with Ed25519 keys (RFC 8037 section 2).
enum UserKeyDocument {
  private struct Document: Codable { let keys: [Entry] }

  private struct Entry: Codable {
    let kty: String
    let crv: String?
    let x: String?
    let kid: String?
    let use: String?
    let alg: String?
  }

  /// The document that publishes `keys`.
  static func bytes(publishing keys: [VerifyingKey]) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return Array(try encoder.encode(Document(keys: keys.map(entry))))
  }

  /// The Ed25519 keys for signatures in a document, by their ids; entries of other kinds are passed
  /// over (RFC 7517 section 5 asks for that).
  ///
  /// - Throws: `AuthenticationFailure.malformed` for too large a set; what the decoder throws for
  ///   what is none.
  static func keys(in bytes: [UInt8]) throws -> [String: VerifyingKey] {
    guard bytes.count <= UserKeySet.documentBytesMax else { throw AuthenticationFailure.malformed }
    let document = try JSONDecoder().decode(Document.self, from: Data(bytes))
    guard document.keys.count <= UserKeySet.keysMax else { throw AuthenticationFailure.malformed }
    var keys: [String: VerifyingKey] = [:]
    for entry in document.keys {
      guard entry.kty == "OKP", entry.crv == "Ed25519", entry.use ?? "sig" == "sig",
        entry.alg ?? "EdDSA" == "EdDSA", let x = entry.x, let id = entry.kid,
        let raw = Base64URL.decode(x), let key = try? VerifyingKey(rawBytes: raw)
      else { continue }  // A key we cannot use is one we do not have.
      keys[id] = key
    }
    return keys
  }

  private static func entry(_ key: VerifyingKey) -> Entry {
    Entry(
      kty: "OKP", crv: "Ed25519", x: Base64URL.encode(key.rawBytes), kid: key.id, use: "sig",
      alg: "EdDSA")
  }
}
