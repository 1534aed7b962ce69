import SharedKernel

/// Something the shop sells. It has at least one variant; what a caller orders by the product's id
/// is its default variant, whose price and SKU the product shows.
struct Product: Sendable {
  enum Status: String, Codable, Sendable {
    case draft, active, archived
  }

  let id: Int
  var name: String
  /// In the currency that was asked for; nil when it has no price in that.
  var price: Money?
  var slug: String
  var sku: String
  var description: String
  var status: Status
  var categories: [String]
  var attributes: [String: String]
  var images: [String]
  let inStock: Bool
  let variantCount: Int
  let version: Int
  let createdAt: Timestamp
  let updatedAt: Timestamp

  var isPublic: Bool { status == .active }
}

/// What a new product is made from, checked.
struct ProductDraft: Sendable {
  static let skuMax = 64
  static let categoriesMax = 10
  static let attributesMax = 50
  static let imagesMax = 10
  static let initialStockMax = 1_000_000

  let name: String
  let price: Money
  let slug: String
  let sku: String
  let description: String
  let categories: [String]
  let attributes: [String: String]
  let images: [String]
  let status: Product.Status
  let initialStock: Int

  /// - Throws: `ValidationFailure` with every fault.
  init(
    name: String, price: Money, slug: String?, sku: String?, description: String?,
    categories: [String]?, attributes: [String: String]?, images: [String]?,
    status: Product.Status?, initialStock: Int?
  ) throws(ValidationFailure) {
    self.name = name
    self.price = price
    self.slug = slug ?? Self.slug(from: name)
    self.sku = sku ?? String(self.slug.uppercased().prefix(Self.skuMax))
    self.description = description ?? ""
    self.categories = categories ?? []
    self.attributes = attributes ?? [:]
    self.images = images ?? []
    self.status = status ?? .active
    self.initialStock = initialStock ?? 0
    var validation = Validation()
    validation.check(
      name: name, slug: self.slug, description: self.description, categories: self.categories,
      attributes: self.attributes, images: self.images)
    validation.requireText(self.sku, "/sku", length: 1...Self.skuMax)
    validation.require(price.minorUnits > 0, "/price", "out_of_range", "must be more than 0")
    validation.require(
      (0...Self.initialStockMax).contains(self.initialStock), "/initialStock", "out_of_range",
      "must be 0 to \(Self.initialStockMax)")
    try validation.finish()
  }

  /// Letters and digits of ASCII, all else as single hyphens.
  private static func slug(from name: String) -> String {
    let words = name.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
    return String(words.joined(separator: "-").prefix(80))
  }
}

/// Changes to a product; nil leaves a member as it is.
struct ProductChange: Sendable {
  var name: String?
  var price: Money?
  var slug: String?
  var description: String?
  var categories: [String]?
  var attributes: [String: String]?
  var images: [String]?
  var status: Product.Status?

  /// The product with these changes made.
  ///
  /// - Throws: `ValidationFailure`.
  func applied(to product: Product) throws(ValidationFailure) -> Product {
    var changed = product
    if let name { changed.name = name }
    if let price { changed.price = price }
    if let slug { changed.slug = slug }
    if let description { changed.description = description }
    if let categories { changed.categories = categories }
    if let attributes { changed.attributes = attributes }
    if let images { changed.images = images }
    if let status { changed.status = status }
    var validation = Validation()
    validation.check(
      name: changed.name, slug: changed.slug, description: changed.description,
      categories: changed.categories, attributes: changed.attributes, images: changed.images)
    if let price {
      validation.require(price.minorUnits > 0, "/price", "out_of_range", "must be more than 0")
    }
    try validation.finish()
    return changed
  }
}

extension Validation {
  fileprivate mutating func check(
    name: String, slug: String, description: String, categories: [String],
    attributes: [String: String], images: [String]
  ) {
    requireText(name, "/name", length: 1...200)
    requireText(description, "/description", length: 0...10_000)
    require(
      (1...80).contains(slug.utf8.count)
        && slug.utf8.allSatisfy {
          (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
        },
      "/slug", "invalid", "must be 1 to 80 of a-z, 0-9 and -")
    require(
      categories.count <= ProductDraft.categoriesMax, "/categories", "too_many",
      "at most \(ProductDraft.categoriesMax)")
    require(
      attributes.count <= ProductDraft.attributesMax, "/attributes", "too_many",
      "at most \(ProductDraft.attributesMax)")
    require(
      categories.allSatisfy { !$0.utf8.contains(0) }, "/categories", "unknown",
      "there is no such category")
    require(
      attributes.allSatisfy {
        (1...64).contains($0.key.count) && $0.value.count <= 500
          && !$0.key.utf8.contains(0) && !$0.value.utf8.contains(0)
      },
      "/attributes", "length", "names of 1 to 64 characters, values of up to 500, without NUL")
    require(
      images.count <= ProductDraft.imagesMax, "/images", "too_many",
      "at most \(ProductDraft.imagesMax)")
    require(
      images.allSatisfy {
        $0.hasPrefix("https://") && $0.count <= 2000 && !$0.utf8.contains { $0 <= 0x20 }
      },
      "/images", "invalid", "must be https addresses")
  }
}

/// Why the catalogue refuses a change.
enum ProductError: Failure, Hashable {
  /// The slug or SKU belongs to another product.
  case duplicate(field: String)
  case unknownCategory(String)
  /// Someone else changed it in between.
  case changedMeanwhile(currentVersion: Int)

  var kind: FailureKind {
    switch self {
    case .duplicate: .duplicateResource
    case .unknownCategory: .validationFailed
    case .changedMeanwhile: .preconditionFailed
    }
  }

  var detail: String {
    switch self {
    case .duplicate(let field): "Another product has this \(field)."
    case .unknownCategory(let slug): "There is no category \"\(slug)\"."
    case .changedMeanwhile(let version): "This is at version \(version)."
    }
  }

  var members: [String: FailureValue] {
    switch self {
    case .duplicate(let field): ["field": .text(field)]
    case .unknownCategory: [:]
    case .changedMeanwhile(let version): ["currentVersion": .number(Int64(version))]
    }
  }

  var faults: [Fault] {
    if case .unknownCategory = self { [Fault("/categories", "unknown", detail)] } else { [] }
  }
}
