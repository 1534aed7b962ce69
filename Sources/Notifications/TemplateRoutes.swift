import CoreHTTP
import HTTPMessages
import ServiceKit
import SharedKernel

/// What templates are kept in.
protocol TemplateStore: Sendable {
  func book() async throws -> TemplateBook
  /// - Parameter version: the stored one, which it replaces; nil for one that is not there yet.
  /// - Returns: its new version; nil when the stored one is another.
  func save(
    _ template: NoticeTemplate, at key: TemplateBook.Key, version: Int?
  ) async throws -> Int?
}

/// Templates over HTTP, for staff.
struct TemplateRoutes: Sendable {
  let store: any TemplateStore

  func add(to routes: inout Routes) {
    routes.get("/templates", access: .staff) { _ in
      let book = try await store.book()
      return try .json(Self.builtIn + Self.stored(book))
    }
    routes.get("/templates/{type}/{channel}/{locale}", access: .staff) { call in
      let (type, key) = try key(of: call)
      let book = try await store.book()
      guard let entry = book.stored[key] else {
        guard key.locale == TemplateBook.localeStandard else { throw NotFound("template") }
        return try .json(View(type, key, type.builtIn(for: key.channel), version: nil))
      }
      return try .json(
        View(type, key, entry.template, version: entry.version), version: entry.version)
    }
    routes.put("/templates/{type}/{channel}/{locale}", access: .staff) { try await put($0) }
    routes.post("/templates/preview", access: .staff) { try preview($0) }
  }

  private func put(_ call: Call) async throws -> HTTPResponse {
    struct Words: Decodable {
      let subject: String
      let body: String
    }
    let (type, key) = try key(of: call)
    let words: Words = try call.json()
    let template = try NoticeTemplate(subject: words.subject, body: words.body, for: type)
    let present = try await store.book().stored[key]?.version
    if call.request.fields[.ifNoneMatch]?.isEverything == true {
      if let present { throw TemplateError.changedMeanwhile(currentVersion: present) }
    } else {
      // Version 0 is the program's own: it is replaced by making one.
      try call.requireMatch(version: present ?? 0)
    }
    guard let version = try await store.save(template, at: key, version: present) else {
      throw TemplateError.changedMeanwhile(currentVersion: (present ?? 0) + 1)
    }
    return try .json(View(type, key, template, version: version), version: version)
  }

  private func preview(_ call: Call) throws -> HTTPResponse {
    struct Draft: Decodable {
      let type: String
      let subject: String
      let body: String
      /// Stand for the samples of the same names.
      let values: [String: String]?
    }
    struct Preview: Encodable {
      let subject: String
      let body: String
    }
    let draft: Draft = try call.json()
    guard let type = NoticeType.named(draft.type) else {
      throw ValidationFailure("/type", "unknown", "is no type of notice")
    }
    let template = try NoticeTemplate(subject: draft.subject, body: draft.body, for: type)
    let text = template.text(type.samples.merging(draft.values ?? [:]) { $1 })
    return try .json(Preview(subject: text.subject, body: text.body))
  }

  private func key(of call: Call) throws -> (NoticeType, TemplateBook.Key) {
    guard let type = NoticeType.named(try call.parameter("type", as: String.self)),
      let channel = Notification.Channel(
        rawValue: try call.parameter("channel", as: String.self))
    else { throw NotFound("template") }
    let locale: String = try call.parameter("locale")
    guard Self.isLocale(locale) else {
      throw ValidationFailure("locale", "invalid", "must be such as en or de-CH")
    }
    return (type, TemplateBook.Key(type: type.name, channel: channel, locale: locale))
  }

  /// A language, and perhaps a region (RFC 5646 section 2.1).
  private static func isLocale(_ text: String) -> Bool {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    return parts.count <= 2 && (2...3).contains(parts[0].count)
      && parts.allSatisfy { part in
        (2...8).contains(part.count)
          && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
      }
  }

  private static var builtIn: [View] {
    NoticeType.all.flatMap { type in
      Notification.Channel.allCases.map { channel in
        let key = TemplateBook.Key(
          type: type.name, channel: channel, locale: TemplateBook.localeStandard)
        return View(type, key, type.builtIn(for: channel), version: nil)
      }
    }
  }

  private static func stored(_ book: TemplateBook) -> [View] {
    book.stored.compactMap { key, entry in
      NoticeType.named(key.type).map { View($0, key, entry.template, version: entry.version) }
    }.sorted {
      ($0.type, $0.channel.rawValue, $0.locale) < ($1.type, $1.channel.rawValue, $1.locale)
    }
  }
}

enum TemplateError: Failure, Hashable {
  case changedMeanwhile(currentVersion: Int)

  var kind: FailureKind { .preconditionFailed }

  var detail: String {
    switch self {
    case .changedMeanwhile(let version): "This is at version \(version)."
    }
  }

  var members: [String: FailureValue] {
    switch self {
    case .changedMeanwhile(let version): ["currentVersion": .number(Int64(version))]
    }
  }
}

private struct View: Encodable {
  let type: String
  let channel: Notification.Channel
  let locale: String
  let subject: String
  let body: String
  /// What the texts may name.
  let variables: [String]
  /// Whether it is the program's own, which is used where no other is stored.
  let isBuiltIn: Bool
  let version: Int

  init(
    _ type: NoticeType, _ key: TemplateBook.Key, _ template: NoticeTemplate, version: Int?
  ) {
    self.type = key.type
    channel = key.channel
    locale = key.locale
    subject = template.subject
    body = template.body
    variables = type.variableNames.sorted()
    isBuiltIn = version == nil
    self.version = version ?? 0
  }
}

extension String {
  /// `*` of a condition.
  fileprivate var isEverything: Bool { filter { $0 != " " } == "*" }
}
