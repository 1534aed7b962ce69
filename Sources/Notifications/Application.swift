import CoreHTTP
import HTTPMessages
import Logging
package import Postgres
package import ServiceKit
import SharedKernel

/// The notification service: tells people what the other services' events mean for them.
package struct NotificationApplication: ShopService {
  package static let identity = ServiceIdentity(
    name: "notification-service", short: "notification", schema: "notification", port: 8085)
  package static let migrations = notificationMigrations
  package static let openAPI = PackageResources.openapi_yaml

  private let context: ServiceContext
  /// nil without SMTP_URL: notices then go into the log and the lists only.
  private let mailer: Mailer?
  private let contacts: ContactClient
  private let settings: NotificationSettings

  package init(_ context: ServiceContext) throws {
    self.context = context
    settings = try context.settings.reading { NotificationSettings(&$0) }
    mailer = try Mailer(settings: context.settings, group: context.group)
    contacts = ContactClient(
      users: context.upstream("user-service"), orders: context.upstream("order-service"),
      staff: settings.staffEmail)
  }

  package func addRoutes(to routes: inout Routes) {
    let database = context.database
    let outbox = context.outbox
    let templates = TemplateRepository(runner: database)
    NotificationRoutes(
      service: NotificationService(store: NotificationRepository(runner: database)),
      templates: templates, preferences: PreferenceRepository(runner: database),
      within: { PreferenceRepository(runner: $0.transaction) }
    ).add(to: &routes)
    TemplateRoutes(store: templates).add(to: &routes)
    let secrets = context.secrets
    let webhooks = { @Sendable (runner: any SQLRunner) in
      WebhookService(store: WebhookRepository(runner: runner, outbox: outbox)) {
        try secrets.seal($0.bytes, context: WebhookClient.context($1))
      }
    }
    WebhookRoutes(
      service: webhooks(database), within: { webhooks($0.transaction) }, rules: settings.rules
    ).add(to: &routes)
  }

  package var workers: [Worker] {
    let context = context
    let consumers = NoticeConsumers(
      channels: mailer == nil ? [.log] : [.log, .email],
      staffChannels: mailer == nil || settings.staffEmail == nil ? [.log] : [.log, .email],
      outbox: context.outbox, consumer: { context.consumer(of: $0, types: $1, $2) })
    let failed: @Sendable (any Error) -> Void = {
      context.logger.warning(
        "what came of a try was not written down; it is made again when its lease has run out",
        metadata: ["error": "\($0)"])
    }
    let delivery = Delivery(
      queue: NotificationQueueRepository(database: context.database, outbox: context.outbox),
      sender: ChannelSender(
        contacts: contacts, templates: TemplateRepository(runner: context.database),
        mailer: mailer, logger: context.logger), failed: failed)
    let webhooks = WebhookDispatch(
      queue: WebhookQueueRepository(database: context.database, outbox: context.outbox),
      poster: WebhookClient(
        client: OutwardClient(
          group: context.group, reachesPrivate: settings.rules.allowsPrivate),
        secrets: context.secrets, rules: settings.rules),
      failed: failed)
    return consumers.workers + [
      Worker("delivery") { try await delivery.run() },
      Worker("webhooks") { try await webhooks.run() },
    ]
  }

  package var invariants: [Invariant] { notificationInvariants }

  package var gauges: [StoredGauge] {
    [
      StoredGauge(
        "deliveries_waiting", help: "Notices and webhook deliveries that are not sent yet.",
        label: "channel",
        query: """
          SELECT channel, count(*) FROM notifications WHERE state = 'queued' GROUP BY channel
          UNION ALL
          SELECT 'webhook', count(*) FROM webhook_deliveries WHERE state = 'queued'
          """)
    ]
  }
}

/// The settings that only this service has.
private struct NotificationSettings {
  /// STAFF_EMAIL: where notices to staff go by mail.
  let staffEmail: String?
  /// WEBHOOK_PRIVATE: whether webhooks may be at private addresses and without TLS.
  let rules: WebhookURL.Rules

  init(_ reader: inout SettingsReader) {
    staffEmail = reader.parsed("STAFF_EMAIL", expected: "an address such as staff@example.org") {
      $0.contains("@") ? $0 : nil
    }
    rules = WebhookURL.Rules(
      allowsPrivate: reader.flag("WEBHOOK_PRIVATE", default: false),
      isPrivateAddress: { PeerAddress($0)?.isPublic == false })
  }
}

/// I9 of the contract, in this schema. (That there is at most one is a constraint of the table.)
private let notificationInvariants = [
  Invariant(
    "I9", "no event that people should be told of was put aside",
    violations: """
      SELECT format('%s at %s: %s', source, position, error) FROM dead_letters
      ORDER BY source, position
      """)
]

extension ChannelSender {
  init(
    contacts: any ContactBook, templates: any TemplateStore, mailer: Mailer?, logger: Logger
  ) {
    self.init(
      contacts: contacts, templates: templates,
      sendMail: mailer.map { mailer in { @Sendable mail in try await mailer.deliver(mail) } },
      writeLog: { notification, text in
        logger.info(
          "notice",
          metadata: [
            "type": "\(notification.type)", "subject": "\(text.subject)",
            "notificationId": "\(notification.id)", "for": "\(notification.recipient.text)",
          ])
      })
  }
}

extension Mailer {
  fileprivate func deliver(_ mail: NoticeMail) async throws {
    do {
      try await send(
        Mail(
          to: mail.to.email, name: mail.to.name, subject: mail.subject, text: mail.text,
          key: mail.key, writtenAt: mail.writtenAt))
    } catch let error as Failure where !error.isTemporary {
      throw Undeliverable(reason: "\(error)")
    }
  }
}
