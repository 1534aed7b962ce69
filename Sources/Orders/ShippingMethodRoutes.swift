import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// Shipping methods over HTTP: for everybody with what they cost, by staff made and changed.
struct ShippingMethodRoutes: Sendable {
  let store: ShippingMethodRepository
  let within: @Sendable (Work) -> ShippingMethodRepository

  func add(to routes: inout Routes) {
    routes.get("/shipping-methods", access: .optional) { try await list($0) }
    RecordRoutes(
      path: "/shipping-methods", what: "shipping method", readers: .optional, store: store,
      within: within, body: ShippingMethodBody.self, view: ShippingMethodView.self
    ).add(to: &routes)
  }

  /// The cheapest first. `country` and `currency` leave out what does not serve them; with a
  /// `subtotal`, in minor units, prices are those of goods for so much.
  private func list(_ call: Call) async throws -> HTTPResponse {
    let query = try call.query(["country", "subtotal", "currency"])
    let country = query.text("country")
    if let country {
      var validation = Validation()
      validation.requireCountry(country, "country")
      try validation.finish()
    }
    let subtotal: Int64? = try query.value("subtotal")
    let currency: Currency? = try query.text("currency").map { code in
      guard let currency = Currency(code) else {
        throw ValidationFailure("currency", "invalid", "is no currency known here")
      }
      return currency
    }
    guard (subtotal ?? 0) >= 0, (subtotal ?? 0) <= Money.minorUnitsMax else {
      throw ValidationFailure("subtotal", "out_of_range", "must be an amount in minor units")
    }
    // A subtotal is one in a currency.
    let offered = currency ?? (subtotal == nil ? nil : .usd)
    let methods = try await store.all().filter { method in
      let currency = offered ?? method.price.currency
      return country.map { method.serves($0, in: currency) }
        ?? (method.price.currency == currency)
    }
    let views = try methods.map { method in
      ShippingMethodView(
        method,
        price: try subtotal.map {
          method.price(for: try Money(minorUnits: $0, currency: method.price.currency))
        } ?? method.price)
    }
    return try HTTPResponse.json(views.sorted { $0.price.minorUnits < $1.price.minorUnits })
      .publiclyCacheable(for: call)
  }
}

private struct ShippingMethodBody: RecordBody {
  let name: String
  let countries: [String]?
  let price: Money
  let freeFrom: Money?

  init(_ method: ShippingMethod) {
    name = method.name
    countries = method.countries
    price = method.price
    freeFrom = method.freeFrom
  }

  func draft() throws -> ShippingMethodDraft {
    try ShippingMethodDraft(
      name: name, countries: countries ?? [], price: price, freeFrom: freeFrom)
  }
}

private struct ShippingMethodView: RecordView {
  let id: ID<ShippingMethod>
  let name: String
  let countries: [String]
  let price: Money
  let freeFrom: Money?
  let version: Int

  init(_ method: ShippingMethod) {
    self.init(method, price: method.price)
  }

  init(_ method: ShippingMethod, price: Money) {
    id = method.id
    name = method.name
    countries = method.countries
    self.price = price
    freeFrom = method.freeFrom
    version = method.version
  }

  var key: String { "\(id)" }
}
