import CPostgres

/// A parsed connection string: libpq's keywords and their values.
struct ConnectionTarget: Sendable {
  private(set) var options: [(keyword: String, value: String)] = []

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
}
