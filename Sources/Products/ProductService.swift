import SharedKernel

/// What is asked of the catalogue's list.
struct ProductQuery: Sendable {
  static let textMax = 100

  let words: [String]
  let category: String?
  let ids: [Int]?
  let slug: String?
  let currency: Currency
  /// nil for what the public may see: active ones.
  let status: Product.Status?
  let page: PageRequest

  /// - Parameter text: words, each of which a product must have as the beginning of one of its own.
  /// - Throws: `ValidationFailure`.
  init(
    text: String?, category: String?, ids: [Int]?, slug: String?, currency: Currency?,
    status: Product.Status?, page: PageRequest
  ) throws(ValidationFailure) {
    if let text, text.count > Self.textMax {
      throw ValidationFailure("q", "length", "at most \(Self.textMax) characters")
    }
    if let after = page.after, after.parts.count != 1 || Int(after.parts[0]) == nil {
      throw ValidationFailure("cursor", "invalid", "is not a cursor of this list")
    }
    words = (text ?? "").lowercased().split { !($0.isLetter || $0.isNumber) }.map(String.init)
    self.category = category
    self.ids = ids
    self.slug = slug
    self.currency = currency ?? .usd
    self.status = status
    self.page = page
  }

  /// Only what everybody may see is wanted.
  var isForEverybody: Bool { (status ?? .active) == .active }

  /// Everything of that status is wanted.
  var isUnfiltered: Bool { words.isEmpty && category == nil && ids == nil && slug == nil }

  /// The last id of the page before.
  var afterID: Int { page.after.flatMap { Int($0.parts[0]) } ?? 0 }
}

/// A node of the category tree.
struct Category: Sendable {
  let id: Int
  let slug: String
  let name: String
  let parentID: Int?
}

/// The catalogue's answers, made as JSON by what holds its data.
protocol Catalogue: Sendable {
  func page(_ query: ProductQuery) async throws -> CataloguePage
  /// - Parameter hiddenToo: whether the one who asks may see products that are not active.
  /// - Returns: nil if there is none to be seen.
  nonisolated(nonsending) func product(
    _ id: Int, currency: Currency, hiddenToo: Bool
  ) async throws -> CatalogueEntry?
}

/// A page of products.
struct CataloguePage: Sendable {
  /// An array.
  let json: [UInt8]
  /// nil on the last page.
  let next: Cursor?
  /// Of all pages; nil when it was not asked for.
  var total: Int?
}

/// A product with its variants.
struct CatalogueEntry: Sendable {
  /// An object.
  let json: [UInt8]
  let version: Int
  /// Rises with every change of its variants' stock, which leaves `version` alone.
  let stockVersion: Int
}

/// What the catalogue keeps its data in.
protocol ProductStore: Sendable {
  func product(_ id: Int, currency: Currency) async throws -> Product?
  func categories() async throws -> [Category]
  /// - Throws: `ProductError`.
  func insert(_ draft: ProductDraft, actor: String) async throws -> Int
  /// Saves what changed, if the stored version is still `product.version`; raises the version.
  ///
  /// - Throws: `ProductError`.
  func update(_ product: Product, from old: Product) async throws
}

/// The catalogue's use cases.
struct ProductService: Sendable {
  let store: any ProductStore

  /// - Throws: `NotFound` for what does not exist, and to the public for what is not active.
  func product(_ id: Int, currency: Currency, for caller: Caller) async throws -> Product {
    guard let product = try await store.product(id, currency: currency),
      product.isPublic || caller.isStaff
    else { throw NotFound("product") }
    return product
  }

  func categories() async throws -> [Category] {
    try await store.categories()
  }

  func create(_ draft: ProductDraft, by caller: Caller) async throws -> Product {
    let id = try await store.insert(draft, actor: caller.principal)
    return try await stored(id, draft.price.currency)
  }

  func change(_ product: Product, by change: ProductChange) async throws -> Product {
    try await store.update(try change.applied(to: product), from: product)
    return try await stored(product.id, product.price?.currency ?? .usd)
  }

  private func stored(_ id: Int, _ currency: Currency) async throws -> Product {
    guard let product = try await store.product(id, currency: currency) else {
      throw NotFound("product")
    }
    return product
  }
}
