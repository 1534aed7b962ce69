extension JSONValue {
  /// This value changed by a merge patch (RFC 7396): what the patch does not name stays, `null` removes.
  package func merging(_ patch: JSONValue) -> JSONValue {
    guard case .object(let changes) = patch else { return patch }
    var members: [Member] = if case .object(let members) = self { members } else { [] }
    for change in changes {
      let place = members.firstIndex { $0.name == change.name }
      guard change.value != .null else {
        if let place { members.remove(at: place) }
        continue
      }
      let old = place.map { members[$0].value } ?? .null
      let new = Member(name: change.name, value: old.merging(change.value))
      if let place { members[place] = new } else { members.append(new) }
    }
    return .object(members)
  }
}
