import Crypto
import SharedKernel
import Synchronization

/// Who brought which token, for tokens whose signature has been checked; bounded, in two
/// generations: when the young one is full it becomes the old one, and the old one is forgotten.
final class VerifiedTokens: Sendable {
  private struct Entry {
    let caller: Caller
    let expiresAt: Timestamp
  }

  private struct Generations {
    var young: [SHA256.Digest: Entry] = [:]
    var old: [SHA256.Digest: Entry] = [:]
  }

  private let generationMax: Int
  private let generations = Mutex(Generations())

  /// - Parameter entriesMax: tokens remembered at most, at least 2.
  init(entriesMax: Int) {
    generationMax = max(1, entriesMax / 2)
  }

  /// nil when the token is unknown or has expired.
  func caller(of token: SHA256.Digest, at now: Timestamp) -> Caller? {
    generations.withLock { generations in
      if let entry = generations.young[token] {
        return now < entry.expiresAt ? entry.caller : nil
      }
      guard let entry = generations.old[token], now < entry.expiresAt else { return nil }
      insert(entry, for: token, into: &generations)
      return entry.caller
    }
  }

  func remember(_ caller: Caller, for token: SHA256.Digest, until expiresAt: Timestamp) {
    generations.withLock {
      insert(Entry(caller: caller, expiresAt: expiresAt), for: token, into: &$0)
    }
  }

  func forgetAll() {
    generations.withLock { $0 = Generations() }
  }

  var count: Int {
    generations.withLock { $0.young.count + $0.old.count }
  }

  private func insert(
    _ entry: Entry, for token: SHA256.Digest, into generations: inout Generations
  ) {
    if generations.young.count >= generationMax {
      generations.old = generations.young
      generations.young = [:]
    }
    generations.young[token] = entry
  }

  /// SHA-256 of the token's bytes, so that no memory holds tokens that are still good.
  static func digest(of token: String) -> SHA256.Digest {
    var token = token
    return token.withUTF8 { SHA256.hash(data: $0) }
  }
}
