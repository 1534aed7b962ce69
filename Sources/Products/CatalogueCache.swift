import Synchronization

/// JSON of products, kept for as long as PostgreSQL says that the rows it was made of are the same.
///
/// Nothing is answered from here alone. Each request asks for the present versions of its rows, a part of
/// what the rows themselves cost, and takes what was made of these very versions (key-based expiration).
/// A row's version is its `xmin`, the transaction that wrote it last: whatever is shown of a product, but its
/// stock, is in its row or changes it by trigger.
final class CatalogueCache: Sendable {
  /// What a list shows of a product.
  struct Item {
    let row: Int
    let json: [UInt8]
  }

  /// A product by itself.
  struct Whole {
    let row: Int
    /// What it shows of each variant.
    let stock: [Stock]
    let entry: CatalogueEntry
  }

  struct Stock {
    let variant: Int
    /// The version of the stock's row.
    let row: Int
  }

  private struct AboutWhole {
    let row: Int
    let stock: [Stock]
    let version: Int
    let stockVersion: Int
  }

  /// Transaction numbers can come again: after 2^32 of them, and after the change to a standby that had not
  /// received all of them. What is older than this is made anew.
  static let ageMax: Duration = .seconds(600)
  /// An array of a few variants.
  private static let stockBytes = 128

  /// With the row's version.
  private let items: Mutex<BoundedCache<Int>>
  private let wholes: Mutex<BoundedCache<AboutWhole>>

  /// - Parameter bytesMax: of memory, about; half of it for lists, half for products by themselves.
  init(bytesMax: Int) {
    items = Mutex(BoundedCache(bytesMax: bytesMax / 2))
    wholes = Mutex(BoundedCache(bytesMax: bytesMax / 2, aboutBytes: Self.stockBytes))
  }

  /// A page of products as an array, if each is here in this version.
  func page(_ rows: ArraySlice<(id: Int, row: Int)>, _ view: View) -> [UInt8]? {
    let now = ContinuousClock.now
    return items.withLock { items in
      var json: [UInt8] = []
      json.reserveCapacity(rows.count * 512 + 2)
      json.append(UInt8(ascii: "["))
      for (id, row) in rows {
        let isHere = items.withEntry(view.key(id), at: now) { version, item in
          guard version == row else { return false }
          if json.count > 1 { json.append(UInt8(ascii: ",")) }
          json.append(contentsOf: item)
          return true
        }
        guard isHere == true else { return nil }
      }
      json.append(UInt8(ascii: "]"))
      return json
    }
  }

  func keep(_ made: [(id: Int, item: Item)], _ view: View) {
    let end = ContinuousClock.now + Self.ageMax
    items.withLock { items in
      for (id, item) in made { items.insert(item.json, item.row, for: view.key(id), until: end) }
    }
  }

  /// Of each of these products what is here, in whatever version.
  func wholes(_ ids: [Int], _ view: View) -> [Whole?] {
    let now = ContinuousClock.now
    return wholes.withLock { wholes in
      ids.map { id in
        wholes.withEntry(view.key(id), at: now) { about, json in
          Whole(
            row: about.row, stock: about.stock,
            entry: CatalogueEntry(
              json: Array(json), version: about.version, stockVersion: about.stockVersion))
        }
      }
    }
  }

  func keep(_ made: [Int: Whole], _ view: View) {
    let end = ContinuousClock.now + Self.ageMax
    wholes.withLock { wholes in
      for (id, whole) in made {
        wholes.insert(
          whole.entry.json,
          AboutWhole(
            row: whole.row, stock: whole.stock,
            version: whole.entry.version, stockVersion: whole.entry.stockVersion),
          for: view.key(id), until: end)
      }
    }
  }

  /// What JSON of one product differs by, as a part of its key.
  struct View {
    private let bits: Int

    /// - Parameter currency: three letters.
    init(currency code: String) {
      bits = code.utf8.reduce(0) { $0 << 8 | Int($1) }
    }

    /// Products are numbered in 32 bits.
    fileprivate func key(_ id: Int) -> Int { id << 24 | bits }
  }
}
