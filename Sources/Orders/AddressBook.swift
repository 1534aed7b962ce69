import SharedKernel

/// Marks ids of the addresses that users keep at the user service.
enum SavedAddress {}

/// The addresses that users keep.
protocol AddressBook: Sendable {
  /// nil if the user has no such address.
  ///
  /// - Throws: a `Failure` when it cannot be asked now.
  func address(_ id: ID<SavedAddress>, of user: UserID) async throws -> PostalAddress?
}

/// Where goods are to go, as a client says it: in full, or by the id of an address that its user keeps.
enum Destination: Hashable, Sendable {
  case address(PostalAddress)
  case saved(ID<SavedAddress>)

  /// - Parameter prefix: of the members' pointers.
  /// - Throws: `ValidationFailure` unless there is one of the two; `OrderError.cardDataForbidden`.
  init(
    address: PostalAddress?, addressID: ID<SavedAddress>?, isGuest: Bool,
    addressPointer: String
  ) throws {
    switch (address, addressID) {
    case (let address?, nil):
      var validation = Validation()
      address.validate(at: addressPointer, &validation)
      try validation.finish()
      self = .address(address)
    case (nil, let id?):
      if isGuest {
        throw ValidationFailure("/addressId", "signed_out", "is for signed-in users")
      }
      self = .saved(id)
    case (nil, nil), (_?, _?):
      throw ValidationFailure(
        addressPointer, "one_of", "send either \(addressPointer.dropFirst()) or addressId")
    }
  }

  /// - Throws: `ValidationFailure` if the user has no such address; a `Failure` when it cannot be asked.
  func resolved(in book: any AddressBook, for user: UserID?) async throws -> PostalAddress {
    switch self {
    case .address(let address): return address
    case .saved(let id):
      guard let user, let address = try await book.address(id, of: user) else {
        throw ValidationFailure("/addressId", "unknown", "is none of your addresses")
      }
      return address
    }
  }
}
