import SharedKernel
import Testing

@testable import Products

@Suite("Products")
struct ProductTests {
  private func draft(
    name: String = "Red Chair", minorUnits: Int64 = 100, slug: String? = nil, sku: String? = nil,
    description: String? = nil, categories: [String]? = nil, attributes: [String: String]? = nil,
    images: [String]? = nil, initialStock: Int? = nil
  ) throws -> ProductDraft {
    try ProductDraft(
      name: name, price: Money(minorUnits: minorUnits, currency: .usd), slug: slug, sku: sku,
      description: description, categories: categories, attributes: attributes, images: images,
      status: nil, initialStock: initialStock)
  }

  private func pointers(_ body: () throws -> Void) -> [String] {
    do {
      try body()
      return []
    } catch let failure as ValidationFailure {
      return failure.faults.map(\.pointer)
    } catch {
      return ["\(error)"]
    }
  }

  @Test("what a new product does not say is made from its name, or empty")
  func defaults() throws {
    let made = try draft(name: "Café  Table, 2nd (red)")
    #expect(made.slug == "caf-table-2nd-red")
    #expect(made.sku == "CAF-TABLE-2ND-RED")
    #expect(made.description.isEmpty)
    #expect(made.status == .active)
    #expect(made.initialStock == 0)
    let long = try draft(name: String(repeating: "ab ", count: 60))
    #expect(long.slug.utf8.count == 80)
    #expect(long.sku.utf8.count == 64)
  }

  @Test("a product is as large as is allowed")
  func bounds() throws {
    _ = try draft(
      name: String(repeating: "x", count: 200), minorUnits: 1, slug: "0-a",
      sku: String(repeating: "ž", count: 64), description: String(repeating: "x\n", count: 5000),
      categories: (0..<10).map { "c\($0)" },
      attributes: Dictionary(
        uniqueKeysWithValues: (0..<50).map { ("a\($0)", String(repeating: "v", count: 500)) }),
      images: (0..<10).map { "https://example.org/\($0)" }, initialStock: 1_000_000)
  }

  @Test("each member that is not allowed is told")
  func faults() {
    #expect(pointers { _ = try draft(name: "", slug: "x", sku: "x") } == ["/name"])
    // A name without a letter or digit of ASCII makes no slug, and then no SKU.
    #expect(pointers { _ = try draft(name: "机") } == ["/slug", "/sku"])
    #expect(
      pointers { _ = try draft(name: String(repeating: "x", count: 201)) } == ["/name"])
    #expect(pointers { _ = try draft(name: "a\u{0}b") } == ["/name"])
    #expect(pointers { _ = try draft(minorUnits: 0) } == ["/price"])
    #expect(pointers { _ = try draft(minorUnits: -1) } == ["/price"])
    for slug in ["", "A", "a b", "a_b", "ž", String(repeating: "a", count: 81), "a/b", "a\u{0}"] {
      #expect(pointers { _ = try draft(slug: slug, sku: "x") } == ["/slug"])
    }
    #expect(pointers { _ = try draft(sku: String(repeating: "x", count: 65)) } == ["/sku"])
    #expect(
      pointers { _ = try draft(description: String(repeating: "x", count: 10_001)) }
        == ["/description"])
    #expect(
      pointers { _ = try draft(categories: (0..<11).map { "c\($0)" }) } == ["/categories"])
    #expect(
      pointers {
        _ = try draft(
          attributes: Dictionary(uniqueKeysWithValues: (0..<51).map { ("a\($0)", "v") }))
      } == ["/attributes"])
    for attributes in [
      ["": "v"], [String(repeating: "k", count: 65): "v"],
      ["k": String(repeating: "v", count: 501)],
      ["k": "a\u{0}b"], ["k\u{0}": "v"],
    ] {
      #expect(pointers { _ = try draft(attributes: attributes) } == ["/attributes"])
    }
    for image in [
      "http://example.org", "javascript:alert(1)", "", "https://\u{0}",
      "https://" + String(repeating: "x", count: 2000),
    ] {
      #expect(pointers { _ = try draft(images: [image]) } == ["/images"])
    }
    #expect(pointers { _ = try draft(initialStock: -1) } == ["/initialStock"])
    #expect(pointers { _ = try draft(initialStock: 1_000_001) } == ["/initialStock"])
    #expect(
      pointers { _ = try draft(name: "", minorUnits: 0, slug: "", sku: "x") }
        == ["/name", "/slug", "/price"])
  }

  private func product() throws -> Product {
    Product(
      id: 1, name: "Chair", price: try Money(minorUnits: 100, currency: .usd), slug: "chair",
      sku: "CHAIR", description: "d", status: .active, categories: ["home"],
      attributes: ["color": "red"], images: [], inStock: true, variantCount: 1,
      version: 3, createdAt: .now(), updatedAt: .now())
  }

  @Test("a change leaves alone what it does not name")
  func change() throws {
    let changed = try ProductChange(name: "Stool", status: .draft).applied(to: product())
    #expect(changed.name == "Stool")
    #expect(changed.status == .draft)
    #expect(!changed.isPublic)
    #expect(changed.slug == "chair")
    #expect(changed.attributes == ["color": "red"])
    #expect(try changed.price == product().price)
    let same = try ProductChange().applied(to: product())
    #expect(same.name == "Chair")
  }

  @Test("a change obeys the same rules as a new product")
  func badChange() throws {
    let free = try Money(minorUnits: 0, currency: .usd)
    #expect(
      pointers { _ = try ProductChange(name: "", price: free, slug: "A").applied(to: product()) }
        == ["/name", "/slug", "/price"])
  }
}
