import SharedKernel

/// Somewhere that a user has things sent to.
struct Address: Sendable {
  static let countPerUserMax = 20

  let id: ID<Address>
  let fields: AddressFields
  /// One of a user's at most.
  let isDefault: Bool
}

/// Where it is; checked.
struct AddressFields: Codable, Hashable, Sendable {
  let name: String
  let line1: String
  let line2: String?
  let city: String
  let region: String?
  let postalCode: String
  /// ISO 3166-1 alpha-2.
  let country: String
  let phone: String?

  /// - Throws: `ValidationFailure` with every fault.
  func validate() throws(ValidationFailure) {
    var validation = Validation()
    validation.requireText(name, "/name", length: 1...100)
    validation.requireText(line1, "/line1", length: 1...200)
    if let line2 { validation.requireText(line2, "/line2", length: 0...200) }
    validation.requireText(city, "/city", length: 1...100)
    if let region { validation.requireText(region, "/region", length: 0...100) }
    validation.requireText(postalCode, "/postalCode", length: 1...20)
    if let phone { validation.requireText(phone, "/phone", length: 0...40) }
    validation.require(
      country.utf8.count == 2
        && country.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) },
      "/country", "invalid", "must be two capital letters of ISO 3166-1")
    try validation.finish()
  }
}

/// What addresses are kept in.
protocol AddressStore: Sendable {
  /// The default first, then as they were made.
  func addresses(of user: UserID) async throws -> [Address]
  func address(_ id: ID<Address>, of user: UserID) async throws -> Address?
  /// Keeps a new one. The first is the default, and so is the last that was said to be.
  ///
  /// - Throws: `ValidationFailure` past `Address.countPerUserMax`.
  func insert(_ fields: AddressFields, isDefault: Bool, for user: UserID) async throws -> Address
  /// - Parameter isDefault: nil leaves that as it is.
  /// - Returns: nil if the user has no such address.
  func replace(
    _ id: ID<Address>, of user: UserID, by fields: AddressFields, isDefault: Bool?
  ) async throws -> Address?
  /// - Returns: false if the user has no such address.
  func remove(_ id: ID<Address>, of user: UserID) async throws -> Bool
}
