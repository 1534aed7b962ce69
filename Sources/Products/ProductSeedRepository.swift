import Postgres
import ServiceKit
import SharedKernel

/// The development catalogue: ids, names and prices that the README and the examples use.
struct ProductSeedRepository {
  let database: Database

  private struct Item {
    let name: String
    let cents: Int64
    let category: String
    let stock: Int
    let description: String
  }

  private static let categories: [(slug: String, name: String, parent: String?)] = [
    ("electronics", "Electronics", nil),
    ("computers", "Computers", "electronics"),
    ("phones", "Phones", "electronics"),
    ("audio", "Audio", "electronics"),
    ("accessories", "Accessories", "electronics"),
    ("home", "Home", nil),
    ("kitchen", "Kitchen", "home"),
    ("office", "Office", "home"),
  ]

  private static let items: [Item] = [
    Item(
      name: "Laptop", cents: 100_000, category: "computers", stock: 50,
      description: "A 14-inch laptop with 16 GB of memory."),
    Item(
      name: "Phone", cents: 50_000, category: "phones", stock: 80,
      description: "A phone with two days of battery."),
    Item(
      name: "Tablet", cents: 34_900, category: "computers", stock: 60,
      description: "An 11-inch tablet with a matt screen."),
    Item(
      name: "Desktop Computer", cents: 129_900, category: "computers", stock: 20,
      description: "A quiet desktop with eight cores."),
    Item(
      name: "Monitor 27", cents: 27_999, category: "computers", stock: 40,
      description: "A 27-inch monitor, height adjustable."),
    Item(
      name: "Mechanical Keyboard", cents: 8_950, category: "accessories", stock: 120,
      description: "Hot-swappable switches, ISO layout."),
    Item(
      name: "Wireless Mouse", cents: 3_999, category: "accessories", stock: 150,
      description: "Silent buttons, one battery a year."),
    Item(
      name: "USB-C Dock", cents: 14_900, category: "accessories", stock: 70,
      description: "Two screens, network and power by one cable."),
    Item(
      name: "Webcam", cents: 6_490, category: "accessories", stock: 90,
      description: "1080p with a shutter."),
    Item(
      name: "Headphones", cents: 19_900, category: "audio", stock: 75,
      description: "Over-ear, with noise cancelling."),
    Item(
      name: "Earbuds", cents: 8_900, category: "audio", stock: 140,
      description: "In-ear, six hours and a charging case."),
    Item(
      name: "Bookshelf Speakers", cents: 24_950, category: "audio", stock: 30,
      description: "A pair of active speakers."),
    Item(
      name: "Turntable", cents: 31_500, category: "audio", stock: 20,
      description: "Belt drive, with a built-in phono stage."),
    Item(
      name: "Phone Case", cents: 1_999, category: "phones", stock: 200,
      description: "Thin, with a raised edge."),
    Item(
      name: "Screen Protector", cents: 1_299, category: "phones", stock: 200,
      description: "Tempered glass, two in a pack."),
    Item(
      name: "Power Bank", cents: 3_490, category: "phones", stock: 160,
      description: "20,000 mAh, charges a laptop too."),
    Item(
      name: "Coffee Grinder", cents: 11_900, category: "kitchen", stock: 45,
      description: "Conical burrs, forty steps."),
    Item(
      name: "Espresso Machine", cents: 64_900, category: "kitchen", stock: 25,
      description: "Single boiler with a temperature display."),
    Item(
      name: "Kettle", cents: 5_990, category: "kitchen", stock: 85,
      description: "Gooseneck, keeps the temperature."),
    Item(
      name: "Chef's Knife", cents: 7_900, category: "kitchen", stock: 65,
      description: "20 cm of carbon steel."),
    Item(
      name: "Desk Lamp", cents: 4_590, category: "office", stock: 95,
      description: "Warm to cold, dimmable."),
    Item(
      name: "Office Chair", cents: 28_900, category: "office", stock: 35,
      description: "Adjusts in five ways."),
    Item(
      name: "Standing Desk", cents: 45_900, category: "office", stock: 22,
      description: "Electric, 160 by 80 cm."),
    Item(
      name: "Notebook", cents: 1_250, category: "office", stock: 200,
      description: "Dotted paper, 200 pages."),
  ]

  /// Does nothing where there are products.
  func run() async throws {
    try await database.transaction { transaction in
      // Two seeds at once would both find the table empty.
      try await transaction.send("LOCK TABLE products IN EXCLUSIVE MODE")
      let count: Int? = try await transaction.value("SELECT count(*) FROM products")
      guard count == 0 else { return }
      for category in Self.categories {
        try await transaction.send(
          """
          INSERT INTO categories (slug, name, parent_id, path)
          SELECT \(category.slug), \(category.name), parent.id,
            coalesce(parent.path || '/', '') || \(category.slug)
          FROM (VALUES (1)) AS one
          LEFT JOIN categories parent ON parent.slug = \(category.parent)
          """)
      }
      let store = ProductRepository(runner: transaction, outbox: Outbox(signal: FeedSignal()))
      for item in Self.items {
        let draft = try ProductDraft(
          name: item.name, price: Money(minorUnits: item.cents, currency: .usd), slug: nil,
          sku: nil, description: item.description, categories: [item.category],
          attributes: nil, images: nil, status: nil, initialStock: item.stock)
        _ = try await store.insert(draft, actor: "seed")
      }
    }
  }
}
