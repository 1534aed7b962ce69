import CPostgres
import Glibc

/// A parsed connection string: libpq's keywords and their values, and the addresses of its hosts.
struct ConnectionTarget: Sendable {
  private(set) var options: [(keyword: String, value: String)] = []

  /// - Throws: `PostgresError.invalid`
  init(url: String) throws {
    var message: UnsafeMutablePointer<CChar>?
    defer { PQfreemem(message) }
    guard let parsed = PQconninfoParse(url, &message) else {
      // libpq's own message may quote a part of the string, and so a password.
      throw PostgresError.invalid("the database's connection string cannot be read")
    }
    defer { PQconninfoFree(parsed) }
    var option = parsed
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val {
        options.append((String(cString: keyword), String(cString: value)))
      }
      option += 1
    }
  }

  subscript(_ keyword: String) -> String? {
    get { options.first { $0.keyword == keyword }?.value }
    set {
      options.removeAll { $0.keyword == keyword }
      if let newValue { options.append((keyword, newValue)) }
    }
  }

  // MARK: Addresses

  /// Whether `resolved` would ask the resolver. libpq would ask it inside its non-blocking connect,
  /// and block there.
  var needsResolving: Bool {
    self["hostaddr"] == nil && hosts.contains { !Self.isAddress($0) && !Self.isSocketPath($0) }
  }

  /// The same with `hostaddr` for each host; a host with several addresses is listed with each.
  /// Blocks.
  ///
  /// - Throws: `PostgresError.notSent` if none of the hosts has an address.
  func resolved() throws -> ConnectionTarget {
    guard self["hostaddr"] == nil else { return self }
    let ports = (self["port"] ?? "").split(separator: ",", omittingEmptySubsequences: false)
    var places: [(host: String, address: String, port: Substring)] = []
    for (position, host) in hosts.enumerated() {
      let port =
        ports.count > 1 ? (position < ports.count ? ports[position] : "") : ports.first ?? ""
      for address in Self.addresses(of: host) { places.append((host, address, port)) }
    }
    guard !places.isEmpty else {
      throw PostgresError.notSent(reason: "the database's host name cannot be resolved")
    }
    var target = self
    target["host"] = places.map(\.host).joined(separator: ",")
    target["hostaddr"] = places.map(\.address).joined(separator: ",")
    target["port"] = places.map { String($0.port) }.joined(separator: ",")
    return target
  }

  /// This with each of its hosts alone, in order: libpq, left to go through them by itself, would wait
  /// for one that says nothing until the time for all is over. Where one kind of server is preferred, the
  /// hosts are listed twice: as that kind only, then as any.
  ///
  /// - Parameter writableFirst: prefer servers that write, unless the string says which are wanted.
  func places(writableFirst: Bool) -> [ConnectionTarget] {
    let lists = ["host", "hostaddr", "port"].map { keyword in
      (keyword, (self[keyword] ?? "").split(separator: ",", omittingEmptySubsequences: false))
    }
    let count = max(lists[0].1.count, lists[1].1.count)
    // What does not fit together is libpq's to refuse.
    guard count > 1, lists.allSatisfy({ [0, 1, count].contains($0.1.count) }) else { return [self] }
    let places = (0..<count).map { position in
      var place = self
      for (keyword, values) in lists where values.count == count {
        place[keyword] = String(values[position])
      }
      return place
    }
    let preferred: String
    switch self["target_session_attrs"] {
    case "prefer-standby": preferred = "standby"
    case nil where writableFirst: preferred = "read-write"
    default: return places
    }
    return [preferred, "any"].flatMap { wanted in
      places.map { place in
        var place = place
        place["target_session_attrs"] = wanted
        return place
      }
    }
  }

  private var hosts: [String] {
    (self["host"] ?? "").split(separator: ",").map(String.init)
  }

  private static func isSocketPath(_ host: String) -> Bool {
    host.hasPrefix("/") || host.hasPrefix("@")
  }

  private static func isAddress(_ host: String) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: 16, alignment: 4) { buffer in
      inet_pton(AF_INET, host, buffer.baseAddress) == 1
        || inet_pton(AF_INET6, host, buffer.baseAddress) == 1
    }
  }

  /// Empty for a name without addresses; one empty address for a socket's path, which has none.
  private static func addresses(of host: String) -> [String] {
    if isSocketPath(host) { return [""] }
    if isAddress(host) { return [host] }
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var first: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &first) == 0 else { return [] }
    defer { freeaddrinfo(first) }
    var addresses: [String] = []
    var entry = first
    while let info = entry?.pointee {
      if let address = numeric(info) { addresses.append(address) }
      entry = info.ai_next
    }
    return addresses
  }

  private static func numeric(_ info: addrinfo) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { text in
      let result = getnameinfo(
        info.ai_addr, info.ai_addrlen, text.baseAddress, socklen_t(NI_MAXHOST), nil, 0,
        NI_NUMERICHOST)
      return result == 0 ? String(cString: text.baseAddress!) : nil
    }
  }
}
