extension JSONValue {
  /// This value changed by a merge patch (RFC 7396): what the patch does not name stays, `null` removes.
  package func merging(_ patch: JSONValue) -> JSONValue {
    guard case .object(let changes) = patch else { return patch }
    let known: [Member] = if case .object(let members) = self { members } else { [] }
    var members: [Member?] = known
    // A patch of a megabyte may name a hundred thousand members.
    var places = Dictionary(zip(known.map(\.name), known.indices)) { first, _ in first }
    for change in changes {
      let place = places[change.name]
      guard change.value != .null else {
        if let place { members[place] = nil }
        places[change.name] = nil
        continue
      }
      let old = place.flatMap { members[$0]?.value } ?? .null
      let new = Member(name: change.name, value: old.merging(change.value))
      if let place {
        members[place] = new
      } else {
        places[change.name] = members.count
        members.append(new)
      }
    }
    return .object(members.compactMap(\.self))
  }
}
