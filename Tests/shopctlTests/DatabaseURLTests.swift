import Testing

@testable import shopctl

struct DatabaseURLTests {
  @Test("an address is read and written with its password encoded")
  func roundTrip() throws {
    let url = try DatabaseURL("postgres://admin:p%40ss%2F@db:5433/shop", setting: "DATABASE_URL")
    #expect(url.password == "p@ss/")
    #expect(url.text == "postgres://admin:p%40ss%2F@db:5433/shop")
    #expect(url.safeText == "postgres://admin@db:5433/shop")
  }

  @Test("port and database have the usual values when they are left out")
  func defaults() throws {
    let url = try DatabaseURL("postgresql://admin@db", setting: "DATABASE_URL")
    #expect(url.port == 5432)
    #expect(url.database == "ecommerce_db")
  }

  @Test("an address of something else is refused, and its password not repeated")
  func refused() throws {
    let trouble = try #require(throws: Trouble.self) {
      try DatabaseURL("mysql://admin:secret@db/shop", setting: "DATABASE_URL")
    }
    #expect(trouble.evidence[0].hasPrefix("DATABASE_URL: expected postgres://"))
    #expect(!trouble.text.contains("secret"))
  }
}
