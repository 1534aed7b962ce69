/// What to do about a registration, judged by what the agent holds under its id.
enum RegistrationVerdict: Equatable {
  /// As we set it.
  case intact
  /// Gone: the agent restarted, or someone deregistered it.
  case lost
  /// Ours, but changed in something that we set.
  case drifted
  /// A newer process has registered under the same id. Fighting over it would never end.
  case taken(boot: String)

  /// - Parameters:
  ///   - found: what the agent holds; only what we set is compared.
  ///   - checkIDs: of the checks the agent holds for it.
  init(
    of registration: ServiceRegistration, boot: String, found: AgentService?,
    checkIDs: Set<String>
  ) {
    guard let found else {
      self = .lost
      return
    }
    if let other = found.meta["boot"], other != boot {
      self = .taken(boot: other)
      return
    }
    let isOurs =
      found.meta["boot"] == boot && found.name == registration.name
      && found.host == registration.host && found.port == registration.port
      && Set(found.tags) == Set(registration.tags) && found.weight == registration.weight
      && registration.meta.allSatisfy { found.meta[$0.key] == $0.value }
      && checkIDs.contains(registration.checkID)
    self = isOurs ? .intact : .drifted
  }
}
