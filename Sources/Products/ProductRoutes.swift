import CoreHTTP
import HTTPMessages
import JSONSyntax
import ServiceKit
import SharedKernel

/// The catalogue over HTTP.
struct ProductRoutes: Sendable {
  let catalogue: any Catalogue
  let service: ProductService
  /// The same service within one transaction.
  let within: @Sendable (Work) -> ProductService

  private static let listParameters: Set<String> =
    pageParameters.union(["q", "category", "ids", "slug", "currency", "status"])
  private static let showParameters: Set<String> = ["currency"]

  func add(to routes: inout Routes) {
    routes.get("/products", access: .optional) { try await list($0) }
    routes.get("/products/{id}", access: .optional) { try await show($0) }
    routes.post("/products", access: .staff, key: .optional) { try await create($0) }
    routes.patch("/products/{id}", access: .staff) { try await change($0) }
    routes.delete("/products/{id}", access: .staff) { try await archive($0) }
    routes.get("/categories", access: .optional) { try await categories($0) }
  }

  private func list(_ call: Call) async throws -> HTTPResponse {
    let query = try call.query(Self.listParameters)
    let status: Product.Status? = try query.text("status").map { text in
      guard call.caller.isStaff else { throw Problem(.forbidden, "status is for staff.") }
      guard let status = Product.Status(rawValue: text) else {
        throw ValidationFailure("status", "invalid", "must be draft, active or archived")
      }
      return status
    }
    let page = try await catalogue.page(
      ProductQuery(
        text: query.text("q"), category: query.text("category"), ids: query.list("ids"),
        slug: query.text("slug"), currency: try currency(query), status: status,
        page: query.page()))
    return HTTPResponse.json(bytes: page.json).linking(to: page.next, of: call)
      .counting(page.total).publiclyCacheable(for: call)
  }

  private nonisolated(nonsending) func show(_ call: Call) async throws -> HTTPResponse {
    let currency = try currency(call.query(Self.showParameters)) ?? .usd
    guard
      let product = try await catalogue.product(
        call.parameter("id"), currency: currency, hiddenToo: call.caller.isStaff)
    else { throw NotFound("product") }
    let tag = ETag(version: product.version, stock: product.stockVersion)
    if call.request.fields[.ifNoneMatch].map(tag.isNamed(in:)) == true { return .notModified(tag) }
    return HTTPResponse.json(bytes: product.json)
      .adding(.etag, tag.text).publiclyCacheable(for: call)
  }

  private func create(_ call: Call) async throws -> HTTPResponse {
    let body: NewProduct = try call.json()
    let draft = try body.draft()
    return try await call.idempotently { work in
      let product = try await within(work).create(draft, by: call.caller)
      return try .json(ProductView(product), status: .created, version: product.version)
        .adding(.location, "/products/\(product.id)")
    }
  }

  private func change(_ call: Call) async throws -> HTTPResponse {
    let product = try await service.product(
      call.parameter("id"), currency: .usd, for: call.caller)
    try call.requireMatch(version: product.version)
    let change = try ProductPatch(call.jsonValue(), of: product).change
    let changed = try await call.transactionally { work in
      try await within(work).change(product, by: change)
    }
    return try .json(ProductView(changed), version: changed.version)
  }

  private func archive(_ call: Call) async throws -> HTTPResponse {
    let product = try await service.product(
      call.parameter("id"), currency: .usd, for: call.caller)
    try call.requireMatch(version: product.version)
    if product.status != .archived {
      _ = try await call.transactionally { work in
        try await within(work).change(product, by: ProductChange(status: .archived))
      }
    }
    return .noContent
  }

  private func categories(_ call: Call) async throws -> HTTPResponse {
    _ = try call.query()
    let all = try await service.categories()
    return try HTTPResponse.json(CategoryView.tree(all, under: nil)).publiclyCacheable(for: call)
  }

  private func currency(_ query: QueryParameters) throws -> Currency? {
    try query.text("currency").map { code in
      guard let currency = Currency(code) else {
        throw ValidationFailure("currency", "invalid", "is no currency known here")
      }
      return currency
    }
  }
}

// MARK: What goes over the wire

private struct NewProduct: Decodable {
  let name: String
  let price: DecimalLiteral?
  let money: Money?
  let slug: String?
  let sku: String?
  let description: String?
  let categories: [String]?
  let attributes: [String: String]?
  let images: [String]?
  let status: Product.Status?
  let initialStock: Int?

  func draft() throws -> ProductDraft {
    guard let amount = try amount(price: price, money: money, currency: .usd) else {
      throw ValidationFailure("/price", "required", "send price or money")
    }
    return try ProductDraft(
      name: name, price: amount, slug: slug, sku: sku, description: description,
      categories: categories, attributes: attributes, images: images, status: status,
      initialStock: initialStock)
  }
}

/// Either a decimal in major units or an amount in minor units, not both.
private func amount(
  price: DecimalLiteral?, money: Money?, currency: Currency
) throws -> Money? {
  if price != nil, money != nil {
    throw ValidationFailure("/price", "conflict", "send price or money, not both")
  }
  guard let price else { return money }
  do {
    return try Money(decimalText: price.text, currency: currency)
  } catch MoneyError.outOfRange {
    throw ValidationFailure("/price", "out_of_range", "is too large")
  } catch {
    throw ValidationFailure(
      "/price", "invalid",
      "must be a decimal with at most \(currency.exponent) digits behind the point")
  }
}

/// A merge patch (RFC 7396): what is absent stays, `null` removes, where there can be nothing.
private struct ProductPatch {
  let change: ProductChange

  init(_ patch: JSONValue, of product: Product) throws {
    struct Members: Decodable {
      let name: String?
      let price: DecimalLiteral?
      let money: Money?
      let slug: String?
      let description: String?
      let categories: [String]?
      let attributes: [String: String?]?
      let images: [String]?
      let status: Product.Status?
    }
    guard case .object(let members) = patch else {
      throw ValidationFailure("", "type", "must be an object")
    }
    for member in members where member.value == .null {
      guard ["description", "categories", "attributes", "images"].contains(member.name) else {
        throw ValidationFailure("/\(member.name)", "required", "cannot be removed")
      }
    }
    func isRemoved(_ name: String) -> Bool { patch[name] == .null }
    func merged(_ changes: [String: String?]) -> [String: String] {
      var attributes = product.attributes
      for (name, value) in changes { attributes[name] = value }
      return attributes
    }
    let new: Members = try JSONDecoding.decode(from: patch)
    change = ProductChange(
      name: new.name,
      price: try amount(
        price: new.price, money: new.money, currency: product.price?.currency ?? .usd),
      slug: new.slug,
      description: isRemoved("description") ? "" : new.description,
      categories: isRemoved("categories") ? [] : new.categories,
      attributes: isRemoved("attributes") ? [:] : new.attributes.map(merged),
      images: isRemoved("images") ? [] : new.images,
      status: new.status)
  }
}

/// A product as it is answered when it was made or changed; without its variants.
struct ProductView: Encodable {
  let id: Int
  let name: String
  let price: DecimalLiteral?
  let money: Money?
  let slug: String
  let sku: String
  let description: String
  let status: Product.Status
  let categories: [String]
  let attributes: StoredMembers
  let images: [String]
  let inStock: Bool
  let variantCount: Int
  let version: Int
  let createdAt: Timestamp
  let updatedAt: Timestamp

  init(_ product: Product) {
    id = product.id
    name = product.name
    price = product.price.map { DecimalLiteral($0.decimalText) }
    money = product.price
    slug = product.slug
    sku = product.sku
    description = product.description
    status = product.status
    categories = product.categories
    attributes = StoredMembers(product.attributes)
    images = product.images
    inStock = product.inStock
    variantCount = product.variantCount
    version = product.version
    createdAt = product.createdAt
    updatedAt = product.updatedAt
  }
}

private struct CategoryView: Encodable {
  let slug: String
  let name: String
  let children: [CategoryView]

  static func tree(_ all: [Category], under parent: Int?) -> [CategoryView] {
    all.filter { $0.parentID == parent }.map {
      CategoryView(slug: $0.slug, name: $0.name, children: tree(all, under: $0.id))
    }
  }
}
