import JSONSyntax

/// The input is a JSON text.
@_cdecl("LLVMFuzzerTestOneInput")
public func readJSON(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Input(start, count)
  let value = parsed(input)
  if let value {
    let text = written(value)
    guard let again = parsed(Input(text)) else { fatalError("written, it is no JSON: \(input)") }
    // Equal bytes say more than equal values: strings are equal if they only look alike.
    input.require(again == value && written(again) == text, "written, it is \(again)")
  }
  let items = read(input)
  input.require(items == value.flatMap(Item.all), "read as \(String(describing: items))")
  if let items {
    let text = written(items)
    input.require(read(Input(text)) == items, "written, \(items) are \(Input(text))")
  }
  return 0
}

// MARK: Any value, as a tree

/// What the parser makes of it, which must be in accord with the grammar.
private func parsed(_ input: Input) -> JSONValue? {
  do throws(JSONParseError) {
    let value = try JSONParser.parse(input.bytes)
    input.require(JSONGrammar.accepts(input.bytes), "parsed, though it is no JSON")
    return value
  } catch {
    switch error {
    case .malformed(let offset):
      input.require((0...input.bytes.count).contains(offset), "malformed at \(offset)")
      input.require(!JSONGrammar.accepts(input.bytes), "malformed at \(offset), though it is JSON")
    case .tooDeep, .duplicateMember: break
    case .unexpected, .unknownMember, .memberMissing: fatalError("\(error), parsed: \(input)")
    }
    return nil
  }
}

private func written(_ value: JSONValue) -> [UInt8] {
  var writer = JSONWriter(capacity: 1)
  write(value, into: &writer)
  return writer.bytes
}

private func write(_ value: JSONValue, into writer: inout JSONWriter) {
  switch value {
  case .null: writer.null()
  case .bool(let value): writer.bool(value)
  case .number(let digits): writer.literal(digits)
  case .text(let text): writer.text(text)
  case .array(let elements):
    writer.beginArray()
    for element in elements { write(element, into: &writer) }
    writer.endArray()
  case .object(let members):
    writer.beginObject()
    for member in members {
      writer.name(member.name)
      write(member.value, into: &writer)
    }
    writer.endObject()
  }
}

// MARK: A list of items, as a route reads it

/// `{"K": "text", "count": 1}`; either may be missing. The letter K has a lookalike, U+212A, that
/// `String` takes for the same.
struct Item: Equatable {
  var key: [UInt8]?
  var count: Int?

  init() {}

  /// - Returns: nil if the value is not such a list.
  static func all(_ value: JSONValue) -> [Item]? {
    guard case .array(let elements) = value else { return nil }
    let items = elements.compactMap { Item($0) }
    return items.count == elements.count ? items : nil
  }

  private init?(_ value: JSONValue) {
    guard case .object(let members) = value else { return nil }
    for member in members {
      switch (Array(member.name.utf8), member.value) {
      case (Array("K".utf8), .text(let text)): key = Array(text.utf8)
      case (Array("count".utf8), .number(let digits)):
        guard let number = Int(digits) else { return nil }
        count = number
      default: return nil
      }
    }
  }
}

private func read(_ input: Input) -> [Item]? {
  do throws(JSONParseError) {
    var json = JSONReader(input.bytes.span)
    var items: [Item] = []
    try json.beginArray()
    while try json.nextElement() { items.append(try item(&json)) }
    try json.end()
    return items
  } catch {
    return nil
  }
}

private func item(_ json: inout JSONReader) throws(JSONParseError) -> Item {
  var key: String?
  var count: Int?
  try json.beginObject()
  while try json.nextMember() {
    if json.isAt("K") {
      try json.read(into: &key)
    } else if json.isAt("count") {
      try json.read(into: &count)
    } else {
      throw json.unknownMember
    }
  }
  var item = Item()
  item.key = key.map { Array($0.utf8) }
  item.count = count
  return item
}

private func written(_ items: [Item]) -> [UInt8] {
  var writer = JSONWriter(capacity: 1)
  writer.beginArray()
  for item in items {
    writer.beginObject()
    if let count = item.count {
      writer.member("count")
      writer.integer(count)
    }
    if let key = item.key {
      writer.member("K")
      writer.text(String(decoding: key, as: UTF8.self))
    }
    writer.endObject()
  }
  writer.endArray()
  return writer.bytes
}
