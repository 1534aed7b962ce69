import Postgres
import ServiceKit
import SharedKernel

/// Templates in PostgreSQL: those that staff wrote.
struct TemplateRepository: TemplateStore {
  /// More than there are types, channels and locales in use.
  private static let countMax = 2000

  let runner: any SQLRunner

  func book() async throws -> TemplateBook {
    let rows = try await runner.query(
      .named(
        "template.all",
        """
        SELECT type, channel, locale, subject, body, version FROM templates
        ORDER BY type, channel, locale LIMIT \(Self.countMax)
        """)
    ) { row -> (TemplateBook.Key, TemplateBook.Entry)? in
      let type: String = try row.next()
      let channel: String = try row.next()
      let locale: String = try row.next()
      let template = NoticeTemplate(trusted: try row.next(), body: try row.next())
      let version: Int = try row.next()
      return Notification.Channel(rawValue: channel).map {
        (
          TemplateBook.Key(type: type, channel: $0, locale: locale),
          TemplateBook.Entry(template: template, version: version)
        )
      }
    }
    return TemplateBook(stored: Dictionary(rows.compactMap(\.self), uniquingKeysWith: { $1 }))
  }

  func save(
    _ template: NoticeTemplate, at key: TemplateBook.Key, version: Int?
  ) async throws -> Int? {
    guard let version else {
      return try await runner.value(
        """
        INSERT INTO templates (type, channel, locale, subject, body)
        VALUES (\(key.type), \(key.channel.rawValue), \(key.locale), \(template.subject),
          \(template.body))
        ON CONFLICT DO NOTHING RETURNING version
        """)
    }
    return try await runner.value(
      """
      UPDATE templates SET subject = \(template.subject), body = \(template.body),
        version = version + 1, updated_at = now()
      WHERE type = \(key.type) AND channel = \(key.channel.rawValue) AND locale = \(key.locale)
        AND version = \(version)
      RETURNING version
      """)
  }
}
