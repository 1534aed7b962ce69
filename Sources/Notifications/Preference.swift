import SharedKernel

/// Whether a customer is told of one type of event in one way.
struct Preference: Hashable, Codable, Sendable {
  let type: String
  let channel: Notification.Channel
  let enabled: Bool
}

/// What a customer wants to be told of. All that is not switched off is on.
struct Preferences: Sendable {
  struct Switch: Hashable, Sendable {
    let type: String
    let channel: Notification.Channel
  }

  let off: Set<Switch>

  init(off: Set<Switch>) {
    self.off = off
  }

  /// - Throws: `ValidationFailure` for what customers are not told of, what is said twice, and what
  ///   cannot be off: security and receipts.
  init(_ wanted: [Preference]) throws(ValidationFailure) {
    var validation = Validation()
    var seen: Set<Switch> = []
    var off: Set<Switch> = []
    for (index, preference) in wanted.enumerated() {
      let choice = Switch(type: preference.type, channel: preference.channel)
      let type = NoticeType.forCustomers.first { $0.name == preference.type }
      validation.require(
        type != nil, "/\(index)/type", "unknown", "is nothing that customers are told of")
      validation.require(
        seen.insert(choice).inserted, "/\(index)", "repeated", "is said twice")
      validation.require(
        preference.enabled || type?.isEssential != true, "/\(index)/enabled", "essential",
        "cannot be switched off")
      if !preference.enabled { off.insert(choice) }
    }
    try validation.finish()
    self.off = off
  }

  /// All that there is to choose, in the order of the contract.
  var all: [(preference: Preference, isEssential: Bool)] {
    NoticeType.forCustomers.flatMap { type in
      Notification.Channel.allCases.map { channel in
        (
          Preference(
            type: type.name, channel: channel,
            enabled: !off.contains(Switch(type: type.name, channel: channel))),
          type.isEssential
        )
      }
    }
  }
}
