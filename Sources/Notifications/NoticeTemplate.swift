import SharedKernel

/// The words of a notice with places for what differs: `{{ number }}`. Names only: no code, no
/// conditions, and what is put in is never read as a template again.
struct NoticeTemplate: Hashable, Sendable {
  static let subjectMax = 200
  static let bodyMax = 10_000

  let subject: String
  let body: String

  /// One of the program's own.
  init(trusted subject: String, body: String) {
    self.subject = subject
    self.body = body
  }

  /// - Throws: `ValidationFailure` with each name that notices of the type do not have, and each
  ///   `{{` that is no place.
  init(subject: String, body: String, for type: NoticeType) throws(ValidationFailure) {
    var validation = Validation()
    validation.requireText(subject, "/subject", length: 1...Self.subjectMax)
    validation.require(
      !subject.contains("\n"), "/subject", "line_break", "must be one line")
    validation.requireText(body, "/body", length: 1...Self.bodyMax)
    for (pointer, text) in [("/subject", subject), ("/body", body)] {
      for piece in Self.pieces(of: text) {
        switch piece {
        case .text: break
        case .name(let name):
          validation.require(
            type.variableNames.contains(name), pointer, "unknown_variable",
            "\(type.name) has no {{ \(name) }}: it has "
              + type.variableNames.sorted().joined(separator: ", "))
        case .broken(let text):
          validation.require(
            false, pointer, "malformed", "\"\(text.prefix(20))\" is no place such as {{ name }}")
        }
      }
    }
    try validation.finish()
    self.subject = subject
    self.body = body
  }

  /// With `values` in their places. What breaks lines or is no character is left out of a value, so
  /// that none can begin a header or look like our own words.
  func text(_ values: [String: String]) -> NoticeText {
    func fill(_ text: String) -> String {
      Self.pieces(of: text).map { piece in
        switch piece {
        case .text(let text), .broken(let text): text
        case .name(let name): Self.escaped(values[name] ?? "-")
        }
      }.joined()
    }
    return NoticeText(subject: fill(subject), body: fill(body))
  }

  private static func escaped(_ value: String) -> String {
    String(
      String.UnicodeScalarView(
        value.unicodeScalars.filter { scalar in
          switch scalar.properties.generalCategory {
          case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: false
          default: true
          }
        }))
  }

  private enum Piece {
    case text(String)
    case name(String)
    /// `{{` that begins no place.
    case broken(String)
  }

  private static func pieces(of text: String) -> [Piece] {
    var pieces: [Piece] = []
    var rest = Substring(text)
    while let start = rest.firstRange(of: "{{") {
      pieces.append(.text(String(rest[..<start.lowerBound])))
      let inside = rest[start.upperBound...]
      guard let end = inside.firstRange(of: "}}") else {
        pieces.append(.broken(String(rest[start.lowerBound...])))
        return pieces
      }
      let name = inside[..<end.lowerBound].drop { $0 == " " }.reversed().drop { $0 == " " }
        .reversed()
      let isName = !name.isEmpty && name.allSatisfy { $0.isASCII && $0.isLetter }
      pieces.append(
        isName ? .name(String(name)) : .broken(String(rest[start.lowerBound..<end.upperBound])))
      rest = rest[end.upperBound...]
    }
    pieces.append(.text(String(rest)))
    return pieces
  }
}

/// What a recipient reads.
struct NoticeText: Hashable, Sendable {
  /// One line.
  let subject: String
  let body: String
}

/// All templates that are stored, and the program's own for all others.
struct TemplateBook: Sendable {
  struct Key: Hashable, Sendable {
    let type: String
    let channel: Notification.Channel
    /// `en`, `de-CH`.
    let locale: String
  }

  struct Entry: Sendable {
    let template: NoticeTemplate
    let version: Int
  }

  static let localeStandard = "en"

  let stored: [Key: Entry]

  /// The words of a notice.
  ///
  /// - Parameters:
  ///   - locale: the recipient's; `de-CH` is served by `de` too, and everybody by `en`.
  ///   - link: for a type that has one.
  func text(
    of notification: Notification, locale: String = localeStandard, name: String? = nil,
    link: String? = nil
  ) -> NoticeText {
    guard let type = NoticeType.named(notification.type) else {
      return NoticeText(
        subject: "News from the shop", body: "There is news: \(notification.type).\n")
    }
    let template = template(type, notification.channel, locale)
    return template.text(type.values(notification.params, name: name, link: link))
  }

  func template(
    _ type: NoticeType, _ channel: Notification.Channel, _ locale: String
  ) -> NoticeTemplate {
    let language = String(locale.prefix { $0 != "-" })
    for candidate in [locale, language, Self.localeStandard] {
      if let entry = stored[Key(type: type.name, channel: channel, locale: candidate)] {
        return entry.template
      }
    }
    return type.builtIn(for: channel)
  }
}

extension NoticeType {
  /// What a notice's texts are filled with.
  func values(_ params: [String: String], name: String?, link: String?) -> [String: String] {
    var values: [String: String] = [:]
    for variable in variables { values[variable.name] = params[variable.name] ?? variable.fallback }
    if let reason = variables.first(where: { $0.name == "reason" }) {
      values["reason"] = params["reason"].flatMap(Self.cancellation) ?? reason.fallback
    }
    if let link { values["link"] = link }
    values["name"] = name ?? NoticeVariable.recipient.fallback
    return values
  }

  /// What a preview is filled with.
  var samples: [String: String] {
    var values = [NoticeVariable.recipient.name: NoticeVariable.recipient.sample]
    for variable in variables { values[variable.name] = variable.sample }
    return values
  }

  /// The order service's reasons, for its customers; nil for one that is none of theirs.
  private static func cancellation(_ reason: String) -> String? {
    switch reason {
    case "insufficient_stock", "hold_lost": "there was not enough stock"
    case "payment_declined", "payment_refused", "capture_refused": "the payment was declined"
    case "timed_out": "it was not completed in time"
    case "requested": "as you asked"
    default: nil
    }
  }
}
