import JSONSyntax

/// The comparison's order of about 1 KB: read member by member, each once and none unknown, and written
/// back in the order of the type.
struct BenchOrder {
  struct Line {
    let sku: String
    let name: String
    let quantity: Int
    let priceCents: Int
  }
  let id: Int
  let customer: String
  let email: String
  let note: String
  let lines: [Line]
  let createdAt: String

  /// - Throws: `JSONParseError`.
  init(json bytes: [UInt8]) throws(JSONParseError) {
    var json = JSONReader(bytes.span)
    try self.init(from: &json)
    try json.end()
  }

  private init(from json: inout JSONReader) throws(JSONParseError) {
    var id: Int?
    var customer: String?
    var email: String?
    var note: String?
    var lines: [Line]?
    var createdAt: String?
    try json.beginObject()
    while try json.nextMember() {
      if json.isAt("id") {
        try json.read(into: &id)
      } else if json.isAt("customer") {
        try json.read(into: &customer)
      } else if json.isAt("email") {
        try json.read(into: &email)
      } else if json.isAt("note") {
        try json.read(into: &note)
      } else if json.isAt("items") {
        guard lines == nil else { throw json.duplicateMember }
        lines = try Line.all(from: &json)
      } else if json.isAt("created_at") {
        try json.read(into: &createdAt)
      } else {
        throw json.unknownMember
      }
    }
    guard let id, let customer, let email, let note, let lines, let createdAt else {
      throw json.memberMissing
    }
    self.id = id
    self.customer = customer
    self.email = email
    self.note = note
    self.lines = lines
    self.createdAt = createdAt
  }

  /// The order as JSON.
  var json: [UInt8] {
    var json = JSONWriter(capacity: 1024)
    json.beginObject()
    json.member("id")
    json.integer(id)
    json.member("customer")
    json.text(customer)
    json.member("email")
    json.text(email)
    json.member("note")
    json.text(note)
    json.member("items")
    json.beginArray()
    for line in lines { line.write(to: &json) }
    json.endArray()
    json.member("created_at")
    json.text(createdAt)
    json.endObject()
    return json.bytes
  }
}

extension BenchOrder.Line {
  fileprivate static func all(from json: inout JSONReader) throws(JSONParseError) -> [Self] {
    var lines: [Self] = []
    try json.beginArray()
    while try json.nextElement() { lines.append(try Self(from: &json)) }
    return lines
  }

  private init(from json: inout JSONReader) throws(JSONParseError) {
    var sku: String?
    var name: String?
    var quantity: Int?
    var priceCents: Int?
    try json.beginObject()
    while try json.nextMember() {
      if json.isAt("sku") {
        try json.read(into: &sku)
      } else if json.isAt("name") {
        try json.read(into: &name)
      } else if json.isAt("quantity") {
        try json.read(into: &quantity)
      } else if json.isAt("price_cents") {
        try json.read(into: &priceCents)
      } else {
        throw json.unknownMember
      }
    }
    guard let sku, let name, let quantity, let priceCents else { throw json.memberMissing }
    self.init(sku: sku, name: name, quantity: quantity, priceCents: priceCents)
  }

  fileprivate func write(to json: inout JSONWriter) {
    json.beginObject()
    json.member("sku")
    json.text(sku)
    json.member("name")
    json.text(name)
    json.member("quantity")
    json.integer(quantity)
    json.member("price_cents")
    json.integer(priceCents)
    json.endObject()
  }
}
