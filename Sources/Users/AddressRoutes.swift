import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// Users' addresses over HTTP: for themselves, and for the order service, which copies one into an order.
struct AddressRoutes: Sendable {
  let store: any AddressStore
  /// The same store within one transaction.
  let within: @Sendable (Work) -> any AddressStore

  func add(to routes: inout Routes) {
    routes.get("/users/me/addresses", access: .customer) { call in
      _ = try call.query()
      return try .json(try await store.addresses(of: try me(call)).map(AddressView.init))
    }
    routes.post("/users/me/addresses", access: .customer, key: .optional) { call in
      let user = try me(call)
      let body: AddressBody = try call.json()
      let fields = try body.fields()
      return try await call.idempotently { work in
        let address = try await within(work).insert(
          fields, isDefault: body.isDefault ?? false, for: user)
        return try .json(AddressView(address), status: .created)
          .adding(.location, "/users/me/addresses/\(address.id)")
      }
    }
    routes.put("/users/me/addresses/{id}", access: .customer) { call in
      let user = try me(call)
      let id: ID<Address> = try call.parameter("id")
      let body: AddressBody = try call.json()
      let fields = try body.fields()
      let address = try await call.transactionally { work in
        try await within(work).replace(id, of: user, by: fields, isDefault: body.isDefault)
      }
      guard let address else { throw NotFound("address") }
      return try .json(AddressView(address))
    }
    routes.delete("/users/me/addresses/{id}", access: .customer) { call in
      guard try await store.remove(call.parameter("id"), of: try me(call)) else {
        throw NotFound("address")
      }
      return .noContent
    }
    routes.get(
      "/internal/users/{id}/addresses/{aid}", access: .services(["order-service"])
    ) { call in
      let address = try await store.address(
        call.parameter("aid"), of: call.parameter("id"))
      guard let address else { throw NotFound("address") }
      return try .json(AddressView(address))
    }
  }

  private func me(_ call: Call) throws -> UserID {
    guard let id = call.caller.userID else { throw Problem(.unauthenticated, "Sign in first.") }
    return id
  }
}

private struct AddressBody: Decodable {
  let name: String
  let line1: String
  let line2: String?
  let city: String
  let region: String?
  let postalCode: String
  let country: String
  let phone: String?
  let isDefault: Bool?

  /// - Throws: `ValidationFailure`.
  func fields() throws -> AddressFields {
    let fields = AddressFields(
      name: name, line1: line1, line2: line2, city: city, region: region, postalCode: postalCode,
      country: country, phone: phone)
    try fields.validate()
    return fields
  }
}

private struct AddressView: Encodable {
  let id: ID<Address>
  let name: String
  let line1: String
  let line2: String?
  let city: String
  let region: String?
  let postalCode: String
  let country: String
  let phone: String?
  let isDefault: Bool

  init(_ address: Address) {
    id = address.id
    name = address.fields.name
    line1 = address.fields.line1
    line2 = address.fields.line2
    city = address.fields.city
    region = address.fields.region
    postalCode = address.fields.postalCode
    country = address.fields.country
    phone = address.fields.phone
    isDefault = address.isDefault
  }
}
