import Synchronization

/// JSON of products, until it is told that they have changed.
///
/// Nothing is answered from here alone: `CatalogueChanges` asks PostgreSQL first what has changed. What is
/// read while a change is told may be older than the change, and is not kept; see `Mark`.
final class CatalogueCache: Sendable {
  /// What has changed of a product.
  enum Change: Equatable {
    case product(Int)
    /// Only what it shows by itself, not what a list shows of it.
    case single(Int)

    fileprivate var id: Int {
      switch self {
      case .product(let id), .single(let id): id
      }
    }
  }

  /// How much had been forgotten when something was about to be read.
  struct Mark {
    fileprivate let forgotten: Int
  }

  private struct Versions {
    let version: Int
    let stockVersion: Int
  }

  private struct Contents {
    /// What lists show of products.
    var items: BoundedCache<Void>
    /// Products by themselves.
    var wholes: BoundedCache<Versions>
    /// Those that there are entries of.
    var views: Set<View> = []
    var forgotten: Forgotten

    init(bytesMax: Int, forgotten: Forgotten) {
      items = BoundedCache(bytesMax: bytesMax / 2)
      wholes = BoundedCache(bytesMax: bytesMax / 2)
      self.forgotten = forgotten
    }
  }

  private let bytesMax: Int
  private let contents: Mutex<Contents>

  /// - Parameter bytesMax: of memory, about; half of it for lists, half for products by themselves.
  init(bytesMax: Int) {
    self.bytesMax = bytesMax
    contents = Mutex(Contents(bytesMax: bytesMax, forgotten: Forgotten()))
  }

  /// A page of products as an array, if each is here.
  func page(_ ids: ArraySlice<Int>, _ view: View) -> [UInt8]? {
    contents.withLock { contents in
      var json: [UInt8] = []
      json.reserveCapacity(ids.count * 512 + 2)
      json.append(UInt8(ascii: "["))
      for id in ids {
        let isHere: Void? = contents.items.withEntry(view.key(id)) { _, item in
          if json.count > 1 { json.append(UInt8(ascii: ",")) }
          json.append(contentsOf: item)
        }
        if isHere == nil { return nil }
      }
      json.append(UInt8(ascii: "]"))
      return json
    }
  }

  func whole(_ id: Int, _ view: View) -> CatalogueEntry? {
    // Other numbers are no product's, and have no key of their own.
    guard Int32(exactly: id) != nil else { return nil }
    return contents.withLock { contents in
      contents.wholes.withEntry(view.key(id)) { versions, json in
        CatalogueEntry(
          json: Array(json), version: versions.version, stockVersion: versions.stockVersion)
      }
    }
  }

  /// To be taken before something is read that is to be kept.
  var mark: Mark { contents.withLock { Mark(forgotten: $0.forgotten.count) } }

  /// - Parameter items: what a list shows of each product.
  func keep(_ items: [(id: Int, json: [UInt8])], _ view: View, since mark: Mark) {
    contents.withLock { contents in
      contents.views.insert(view)
      for (id, json) in items where !contents.forgotten.has(id, since: mark.forgotten) {
        contents.items.insert(json, (), for: view.key(id))
      }
    }
  }

  func keep(_ entries: [Int: CatalogueEntry], _ view: View, since mark: Mark) {
    contents.withLock { contents in
      contents.views.insert(view)
      for (id, entry) in entries where !contents.forgotten.has(id, since: mark.forgotten) {
        contents.wholes.insert(
          entry.json, Versions(version: entry.version, stockVersion: entry.stockVersion),
          for: view.key(id))
      }
    }
  }

  // MARK: Forgetting

  func forget(_ changes: [Change]) {
    if changes.isEmpty { return }
    contents.withLock { contents in
      for change in changes {
        for view in contents.views {
          contents.wholes.remove(view.key(change.id))
          if case .product = change { contents.items.remove(view.key(change.id)) }
        }
        contents.forgotten.add(change.id)
      }
    }
  }

  func forgetEverything() {
    // Freed when nobody waits for the lock.
    _ = contents.withLock { contents in
      let old = contents
      contents = Contents(bytesMax: bytesMax, forgotten: old.forgotten)
      contents.forgotten.addEverything()
      return old
    }
  }

  /// Whose product was forgotten when: the last ones, as numbers from the beginning on.
  private struct Forgotten {
    /// Reading takes some milliseconds; what took longer than this many changes is not kept.
    private static let idsMax = 4096

    private(set) var count = 0
    private var ids = [Int](repeating: 0, count: idsMax)
    private var everythingAt = 0

    mutating func add(_ id: Int) {
      ids[count % Self.idsMax] = id
      count += 1
    }

    mutating func addEverything() {
      count += 1
      everythingAt = count
    }

    func has(_ id: Int, since mark: Int) -> Bool {
      if mark < everythingAt || count - mark > Self.idsMax { return true }
      return (mark..<count).contains { ids[$0 % Self.idsMax] == id }
    }
  }

  /// What JSON of one product differs by, as a part of its key.
  struct View: Hashable {
    private let bits: Int

    /// - Parameter currency: three letters.
    init(currency code: String) {
      bits = code.utf8.reduce(0) { $0 << 8 | Int($1) }
    }

    /// Products are numbered in 32 bits.
    fileprivate func key(_ id: Int) -> Int { id << 24 | bits }
  }
}
