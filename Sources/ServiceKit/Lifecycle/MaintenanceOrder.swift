import SharedKernel

/// The body of `PUT /admin/maintenance`: whether this instance is left out of discovery, and why.
struct MaintenanceOrder: Codable, Sendable {
  static let reasonLengthMax = 200

  let enabled: Bool
  /// For the people who see it in Consul; needed when `enabled`, and not taken otherwise.
  var reason: String?

  /// The reason for being left out; nil for an instance that is to be found.
  ///
  /// - Throws: `ValidationFailure`
  func checkedReason() throws(ValidationFailure) -> String? {
    var validation = Validation()
    if enabled {
      validation.requireText(reason ?? "", "/reason", length: 1...Self.reasonLengthMax)
    } else {
      validation.require(reason == nil, "/reason", "unexpected", "is for enabled: true")
    }
    try validation.finish()
    return reason
  }
}
