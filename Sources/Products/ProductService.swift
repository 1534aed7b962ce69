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

/// What the catalogue keeps its data in.
protocol ProductStore: Sendable {
  func products(_ query: ProductQuery) async throws -> [Product]
  /// How many products all pages have.
  func count(_ query: ProductQuery) async throws -> Int
  func product(_ id: Int, currency: Currency) async throws -> Product?
  func variants(of id: Int, currency: Currency) async throws -> [Variant]
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

  func list(_ query: ProductQuery) async throws -> Page<Product> {
    let rows = try await store.products(query)
    let total = query.page.wantsTotal ? try await store.count(query) : nil
    return Page(rows: rows, limit: query.page.limit, total: total) { Cursor([String($0.id)]) }
  }

  /// - Throws: `NotFound` for what does not exist, and to the public for what is not active.
  func product(_ id: Int, currency: Currency, for caller: Caller) async throws -> Product {
    guard let product = try await store.product(id, currency: currency),
      product.isPublic || caller.isStaff
    else { throw NotFound("product") }
    return product
  }

  func variants(of product: Product, currency: Currency) async throws -> [Variant] {
    try await store.variants(of: product.id, currency: currency)
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
