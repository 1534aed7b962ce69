import SharedKernel
import Synchronization

/// Variants as the catalogue had them a moment ago, for carts: `age` old at most, and forgotten at once
/// when the catalogue tells of a change. (Only one process of several hears of it; the others notice
/// when the age is over.) Orders do not use it.
final class CachedCatalogueClient: Sendable {
  static let age: Duration = .seconds(5)
  /// Variants that are remembered, each in one currency.
  static let entriesMax = 10_000

  private struct Key: Hashable {
    let variantID: Int
    let currency: Currency
  }

  private struct Entry {
    /// nil for a variant that does not exist.
    let variant: CatalogueVariant?
    let goodUntil: Timestamp
  }

  private struct State {
    var entries: [Key: Entry] = [:]
    /// Rises whenever something is forgotten: what was asked for before may be out of date.
    var generation = 0
  }

  private let catalogue: any Catalogue
  private let now: @Sendable () -> Timestamp
  private let state = Mutex(State())

  init(catalogue: any Catalogue, now: @escaping @Sendable () -> Timestamp = { .now() }) {
    self.catalogue = catalogue
    self.now = now
  }

  /// Those of `ids` that exist, by their ids.
  ///
  /// - Throws: a `Failure` when the catalogue cannot be asked for what is not remembered.
  func variants(_ ids: [Int], in currency: Currency) async throws -> [Int: CatalogueVariant] {
    let now = now()
    var found: [Int: CatalogueVariant] = [:]
    var missing: [Int] = []
    let generation = state.withLock { state in
      for id in ids {
        if let entry = state.entries[Key(variantID: id, currency: currency)], entry.goodUntil > now
        {
          found[id] = entry.variant
        } else {
          missing.append(id)
        }
      }
      return state.generation
    }
    if missing.isEmpty { return found }
    let asked = try await catalogue.variants(
      missing.map(OrderRequest.Wanted.variant), in: currency, limit: nil)
    for variant in asked { found[variant.variantID] = variant }
    let goodUntil = now + Self.age
    state.withLock { state in
      guard state.generation == generation else { return }
      if state.entries.count + missing.count > Self.entriesMax {
        state.entries = state.entries.filter { $0.value.goodUntil > now }
      }
      for id in missing where state.entries.count < Self.entriesMax {
        state.entries[Key(variantID: id, currency: currency)] = Entry(
          variant: found[id], goodUntil: goodUntil)
      }
    }
    return found
  }

  func forget(product: Int) { forget { $0.productID == product } }

  func forget(variant: Int) { forget { $0.variantID == variant } }

  private func forget(where isMeant: (CatalogueVariant) -> Bool) {
    state.withLock { state in
      state.generation += 1
      state.entries = state.entries.filter { !($0.value.variant.map(isMeant) ?? true) }
    }
  }
}
