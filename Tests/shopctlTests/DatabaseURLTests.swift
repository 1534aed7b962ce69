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

  @Test("how the server is connected to is kept for every role")
  func parameters() throws {
    let parameters = "sslmode=verify-full&sslrootcert=%2Fetc%2Fca%20a.pem&target_session_attrs=any"
    let url = try DatabaseURL("postgres://admin:p@db/shop?\(parameters)", setting: "DATABASE_URL")
    #expect(url.text == "postgres://admin:p@db:5432/shop?\(parameters)")
    #expect(
      url.with(user: "order_app", password: "x").text
        == "postgres://order_app:x@db:5432/shop?\(parameters)")
    #expect(url.safeText == "postgres://admin@db:5432/shop")
    #expect(try DatabaseURL(url.text, setting: "plan.json") == url)
  }

  @Test(
    "what says again who connects or where to is refused by its name",
    arguments: ["user", "password", "host", "hostaddr", "port", "dbname", "service"])
  func misplaced(name: String) throws {
    let trouble = try #require(throws: Trouble.self) {
      try DatabaseURL(
        "postgres://admin:secret@db/shop?sslmode=require&\(name)=hidden", setting: "DATABASE_URL")
    }
    #expect(trouble.evidence[0].hasPrefix("DATABASE_URL: expected no parameter \(name) "))
    #expect(!trouble.text.contains("secret") && !trouble.text.contains("hidden"))
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
